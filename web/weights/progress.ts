import type { Progress } from '../types.js';

const INTERVAL_MS = 100;
const WINDOW_MS = 5_000;

/** Progress of one load over all its files, about ten times a second. `loaded` never falls and never passes `total`. */
export class ProgressMeter {
  readonly #report: (progress: Progress) => void;
  #sizes: (number | undefined)[];
  /** Bytes of each file that the engine has taken since its last start. */
  #taken: number[] = [];
  #loaded = 0;
  #cached = true;
  #reportedAt = Number.NEGATIVE_INFINITY;
  /** Bytes that did not come from the cache, and when: of the last seconds. */
  #arrivals: { at: number; bytes: number }[] = [];
  #arrived = 0;

  constructor(files: number, report: (progress: Progress) => void) {
    this.#sizes = Array(files).fill(undefined);
    this.#report = report;
  }

  /** From the first byte again; what was reported stays. */
  restart(): void {
    this.#taken = [];
  }

  setSize(file: number, size: number | undefined): void {
    this.#sizes[file] = size;
  }

  add(file: number, bytes: number, cached: boolean): void {
    this.#taken[file] = (this.#taken[file] ?? 0) + bytes;
    const taken = this.#taken.reduce((sum, count) => sum + (count ?? 0), 0);
    this.#loaded = Math.max(this.#loaded, taken);
    const now = performance.now();
    if (!cached) {
      this.#cached = false;
      this.#arrived += bytes;
    }
    if (now - this.#reportedAt < INTERVAL_MS) return;
    this.#arrivals.push({ at: now, bytes: this.#arrived });
    while ((this.#arrivals[0]?.at ?? now) < now - WINDOW_MS) this.#arrivals.shift();
    this.stage('download');
  }

  /** Reports at once. */
  stage(stage: Progress['stage']): void {
    this.#reportedAt = performance.now();
    const known = this.#sizes.every((size) => size !== undefined);
    const sum = known ? this.#sizes.reduce((all: number, size) => all + (size ?? 0), 0) : undefined;
    // A length that proves wrong is worth nothing: no bar beyond 100 %.
    const total = sum !== undefined && sum >= this.#loaded ? sum : undefined;
    const bytesPerSecond = this.#speed();
    this.#report({
      stage,
      loaded: this.#loaded,
      total,
      bytesPerSecond,
      remainingSeconds:
        total !== undefined && bytesPerSecond ? (total - this.#loaded) / bytesPerSecond : undefined,
      cached: this.#cached && this.#loaded > 0,
    });
  }

  #speed(): number | undefined {
    const first = this.#arrivals[0];
    const last = this.#arrivals.at(-1);
    if (first === undefined || last === undefined || last.at === first.at) return undefined;
    return ((last.bytes - first.bytes) / (last.at - first.at)) * 1000;
  }
}
