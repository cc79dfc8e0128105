// A file on its way over the network: where the connection breaks it is asked for again, from the byte reached.
import { VitreousError } from '../errors.js';
import type { Settings } from '../settings.js';
import type { Hash } from './hash.js';
import { Incoming, Interruption, sleep } from './request.js';

/** A file by its address; `size` and `sha256` where a hub has recorded them. */
export interface FileAddress {
  url: string;
  size?: number | undefined;
  sha256?: string | undefined;
}

/** The beginning of a file that an earlier load left. */
export interface Part {
  bytes: number;
  /** Of the whole file, where known. */
  size: number | undefined;
  etag: string | undefined;
  lastModified: string | undefined;
}

export interface TransferOptions {
  hash: () => Hash;
  headers: Record<string, string> | undefined;
  settings: Settings;
  /** Whether the browser's HTTP cache may keep it. */
  cache: RequestCache;
  signal: AbortSignal | undefined;
}

/** The file became another one while it was on its way: only a new start helps. */
export class FileChanged extends VitreousError {
  constructor(url: string) {
    super('NETWORK', `The file at ${url} changed while it was on its way. Try again.`);
  }
}

export class Transfer {
  /** Bytes of the file that are here, decoded. */
  at = 0;
  /** Bytes of the whole file, where known. */
  size: number | undefined;
  etag: string | undefined;
  lastModified: string | undefined;
  /** Of the bytes that are here. Whoever has a part feeds it in. */
  readonly hash: Hash;
  readonly #file: FileAddress;
  readonly #options: TransferOptions;
  #incoming: Incoming | undefined;
  /** Set once bytes were given away: from then on they are not asked for again. */
  #begun = false;
  #ranges = true;
  /** The last request was for a range and got no answer. */
  #unanswered = false;
  #encoded = false;
  /** What the server says is the whole file's length. */
  #length: number | undefined;
  /** Tries in a row that brought no byte. */
  #failures = 0;
  #fruitful = false;
  #endedAt = -1;
  /** A server that sends all from the start once more: what is left of the bytes that are here, and their hash. */
  #repeated: { left: number; hash: Hash } | undefined;

  constructor(file: FileAddress, options: TransferOptions) {
    this.#file = file;
    this.#options = options;
    this.size = file.size;
    this.hash = options.hash();
  }

  /** Whether a later load may go on where this one stops. */
  get resumable(): boolean {
    return !this.#encoded && (this.#validator !== undefined || this.#file.sha256 !== undefined);
  }

  /**
   * Asks for the file, from the end of `part` on where that is possible.
   * @returns how much of the part is good: all, or nothing
   */
  async begin(part: Part | undefined): Promise<number> {
    if (part !== undefined) {
      this.at = part.bytes;
      this.size ??= part.size;
      this.etag = part.etag;
      this.lastModified = part.lastModified;
    }
    if (!this.#whole) await this.#retrying(() => this.#ask());
    this.#begun = true;
    return this.at;
  }

  /** What the file's own header says of its size; the hub's record goes before. */
  expect(size: number): void {
    this.size = this.#file.size ?? size;
  }

  /** The next bytes; undefined at the end. */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const piece = await this.#retrying(() => this.#next());
      if (piece === undefined) return undefined;
      const fresh = this.#repeated ? this.#compare(piece) : piece;
      if (fresh.length === 0) continue;
      this.at += fresh.length;
      this.#fruitful = true;
      if (this.#file.size !== undefined && this.at > this.#file.size) {
        throw new VitreousError(
          'DIGEST_MISMATCH',
          `${this.#file.url} is longer than the ${this.#file.size} bytes that the hub has recorded.`,
        );
      }
      this.hash.update(fresh);
      return fresh;
    }
  }

  close(): void {
    this.#incoming?.close();
    this.#incoming = undefined;
  }

  async #retrying<T>(work: () => Promise<T>): Promise<T> {
    const { retries, retryDelay } = this.#options.settings;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        this.close();
        if (!(error instanceof Interruption)) throw error;
        this.#failures = this.#fruitful ? 0 : this.#failures + 1;
        this.#fruitful = false;
        if (this.#failures >= retries) {
          if (!this.#unanswered || error.error.code !== 'NETWORK') throw error.error;
          // A browser asks for a range without compression; from a server that compresses all the same it takes no answer,
          // and does not say why.
          this.#ranges = false;
          continue;
        }
        // Jitter: not all visitors at once when a server comes back.
        const backOff = retryDelay * 2 ** this.#failures * (0.5 + Math.random() / 2);
        await sleep(Math.max(backOff, error.waitMs), this.#options.signal);
      }
    }
  }

  async #next(): Promise<Uint8Array | undefined> {
    if (this.#incoming === undefined) {
      if (this.#whole) return undefined; // only its verification was missing
      await this.#ask();
    }
    const piece = await this.#incoming?.read();
    if (piece !== undefined) return piece;
    this.close();
    const end = this.at - (this.#repeated?.left ?? 0);
    if (end === this.at && (this.size === undefined || this.at >= this.size)) return undefined;
    // At the length that the server says, or twice at the same byte where it says none: that is all there is. Else the
    // connection broke; Node does not always tell.
    const all = end === (this.#length ?? this.#endedAt);
    if (all) throw this.#repeated ? new FileChanged(this.#file.url) : this.#truncated();
    this.#endedAt = end;
    throw new Interruption(
      new VitreousError('NETWORK', `The connection to ${this.#file.url} broke. Try again.`),
    );
  }

  get #whole(): boolean {
    return this.at > 0 && this.size !== undefined && this.at >= this.size;
  }

  #truncated(): VitreousError {
    return new VitreousError(
      'CHECKPOINT_TRUNCATED',
      `${this.#file.url} ends after ${this.at} of ${this.size} bytes. Upload it there again.`,
    );
  }

  /** Strong validators only: a weak one allows another encoding of the same text. */
  get #validator(): string | undefined {
    if (this.etag !== undefined && !this.etag.startsWith('W/')) return this.etag;
    return this.lastModified;
  }

  async #ask(): Promise<void> {
    const { url } = this.#file;
    const { headers, settings, cache, signal } = this.#options;
    const from = this.#ranges && this.resumable ? this.at : 0;
    const range: Record<string, string> = {};
    if (from > 0) {
      range.range = `bytes=${from}-`;
      // To another origin If-Range would need the server's leave (a preflight); the answer's validators are compared anyway.
      if (this.#validator !== undefined && !isCrossOrigin(url)) range['if-range'] = this.#validator;
    }
    const { stallTimeout } = settings;
    this.#unanswered = from > 0;
    const incoming = await Incoming.open(url, { headers, range, cache, stallTimeout, signal });
    this.#unanswered = false;
    const { status } = incoming.response;
    if (status === 200) return this.#fromStart(incoming);
    if (from > 0 && status === 206 && this.#continues(incoming.response, from)) {
      this.#incoming = incoming;
      return;
    }
    incoming.close();
    if (from === 0) {
      throw new VitreousError(
        'HTTP_STATUS',
        `${url} answered ${status} though the whole file was asked for.`,
      );
    }
    // Not the bytes that were asked for: from the start, then.
    this.#ranges = false;
    return this.#ask();
  }

  #fromStart(incoming: Incoming): void {
    const { headers } = incoming.response;
    const changed = this.#isOther(incoming.response);
    if (!this.#begun) {
      this.at = 0;
      this.size = this.#file.size;
    }
    if (this.at > 0 && changed) {
      incoming.close();
      throw new FileChanged(this.#file.url);
    }
    this.#repeated = this.at > 0 ? { left: this.at, hash: this.#options.hash() } : undefined;
    this.etag = headers.get('etag') ?? undefined;
    this.lastModified = headers.get('last-modified') ?? undefined;
    // Of an encoded body both the length and any range count other bytes than those that arrive.
    this.#encoded = isEncoded(headers);
    const length = this.#encoded ? null : headers.get('content-length');
    this.#length = length === null ? undefined : Number(length);
    this.size ??= this.#length;
    this.#incoming = incoming;
  }

  /** Whether a 206 is what was asked for, of the same file. */
  #continues(response: Response, from: number): boolean {
    const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
    if (range === null || isEncoded(response.headers) || this.#isOther(response)) return false;
    const [first, last, total] = range.slice(1).map(Number) as [number, number, number];
    if (first !== from || last < first) return false;
    if (Number.isNaN(total)) return true; // an asterisk: not known
    if (last >= total || (this.size !== undefined && total !== this.size)) return false;
    this.#length = total;
    this.size ??= total;
    return true;
  }

  #isOther({ headers }: Response): boolean {
    const etag = headers.get('etag');
    if (etag !== null && this.etag !== undefined) return etag !== this.etag;
    const lastModified = headers.get('last-modified');
    return lastModified !== null && this.lastModified !== undefined && lastModified !== this.lastModified;
  }

  /** Drops what is here already, after comparing it. */
  #compare(piece: Uint8Array): Uint8Array {
    const repeated = this.#repeated as { left: number; hash: Hash };
    const known = piece.subarray(0, repeated.left);
    repeated.hash.update(known);
    repeated.left -= known.length;
    if (repeated.left === 0) {
      if (repeated.hash.hex() !== this.hash.hex()) throw new FileChanged(this.#file.url);
      this.#repeated = undefined;
    }
    return piece.subarray(known.length);
  }
}

const isEncoded = (headers: Headers) => !['identity', null].includes(headers.get('content-encoding'));

/** In a page or its worker; Node has no origin. */
const isCrossOrigin = (url: string) =>
  globalThis.location !== undefined && new URL(url).origin !== globalThis.location.origin;
