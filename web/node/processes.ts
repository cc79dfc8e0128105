// Several processes that look at images, for one that writes: a photo decoded and embedded takes one core, whatever the
// number of threads of a model.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { abortError, type ErrorCode, VitreousError } from '../errors.js';
import type { Asked, Looked, Looking } from '../search/collection.js';
import { sameProbe } from '../search/fingerprint.js';
import { env, type Settings } from '../settings.js';
import type { Recipe } from './created.js';

export interface FileQuestion {
  path: string;
  known: string | undefined;
}
export interface FileAnswer {
  sha256?: string;
  same?: boolean;
  vector?: Float32Array;
  error?: PlainError;
}
interface PlainError {
  code: ErrorCode;
  message: string;
}
export type Question =
  | ({ kind: 'open'; settings: Settings } & Recipe)
  | { kind: 'look'; files: FileQuestion[] };
export type Answer =
  | { kind: 'ready'; probe: number[] }
  | { kind: 'looked'; answers: FileAnswer[] }
  | { kind: 'failed'; error: PlainError };

interface Task {
  files: FileQuestion[];
  /** Its process died once already. */
  again: boolean;
  done(answers: FileAnswer[]): void;
  fail(error: unknown): void;
}

interface Embedder {
  process: ChildProcess;
  ready: boolean;
  task: Task | undefined;
}

export interface ProcessesOptions {
  count: number;
  recipe: Recipe;
  threads: number;
  /** Of the model that they must have. */
  probe: number[];
  signal: AbortSignal | undefined;
  /** Told when one died. */
  onDeath(message: string): void;
}

/** Processes are started when there is work for them. One that dies has what it was at done again, one by one, once. */
export class Processes implements Looking {
  readonly atOnce: number;
  readonly #options: ProcessesOptions;
  readonly #embedders = new Set<Embedder>();
  readonly #tasks: Task[] = [];
  #deaths = 0;
  #over: unknown;

  constructor(options: ProcessesOptions) {
    this.#options = options;
    this.atOnce = 2 * options.count + 1;
    options.signal?.addEventListener('abort', this.#abort);
  }

  async look(batch: Asked[]): Promise<Looked[]> {
    const files = batch.map(({ item, known }) => ({ path: item.image as string, known }));
    const answers = await this.#ask(files, false);
    return answers.map(({ sha256, vector, error }) => ({
      sha256,
      ...(vector && { vector }),
      ...(error && { error: new VitreousError(error.code, error.message) }),
    }));
  }

  close(): void {
    this.#options.signal?.removeEventListener('abort', this.#abort);
    this.#end(new VitreousError('DISPOSED', 'The processes were ended.'));
  }

  readonly #abort = () => this.#end(abortError(this.#options.signal as AbortSignal));

  #ask(files: FileQuestion[], again: boolean): Promise<FileAnswer[]> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    return new Promise((done, fail) => {
      const task = { files, again, done, fail };
      if (again) this.#tasks.unshift(task);
      else this.#tasks.push(task);
      this.#next();
    });
  }

  /** Gives waiting tasks to those that have none. */
  #next(): void {
    for (const embedder of this.#embedders) {
      if (!embedder.ready || embedder.task) continue;
      embedder.task = this.#tasks.shift();
      if (embedder.task) send(embedder, { kind: 'look', files: embedder.task.files });
    }
    const starting = [...this.#embedders].filter(({ ready }) => !ready).length;
    if (this.#tasks.length > starting && this.#embedders.size < this.#options.count) this.#start();
  }

  #start(): void {
    const { recipe, threads, probe } = this.#options;
    const process = fork(fileURLToPath(new URL('./node-embedder.mjs', import.meta.url)), {
      serialization: 'advanced',
      execArgv: engineFlags(),
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const embedder: Embedder = { process, ready: false, task: undefined };
    this.#embedders.add(embedder);
    process.on('error', (error) => this.#lost(embedder, error.message)); // it could not be started
    process.on('exit', (code, signal) => this.#lost(embedder, signal ?? `exit code ${code}`));
    process.on('message', (answer: Answer) => {
      if (answer.kind === 'failed') {
        this.#end(new VitreousError(answer.error.code, answer.error.message));
      } else if (answer.kind === 'looked') {
        embedder.task?.done(answer.answers);
        embedder.task = undefined;
      } else if (sameProbe(answer.probe, probe)) embedder.ready = true;
      else
        this.#end(
          new VitreousError(
            'INDEX_MISMATCH',
            'A model made anew in another process is not the one in use: was it changed, or its file? Use { processes: 1 }.',
          ),
        );
      if (this.#over === undefined) this.#next();
    });
    send(embedder, {
      kind: 'open',
      ...recipe,
      options: { ...recipe.options, threads },
      settings: { ...env },
    });
  }

  #lost(embedder: Embedder, why: string): void {
    if (!this.#embedders.delete(embedder) || this.#over !== undefined) return;
    const { task, ready } = embedder;
    if (!ready && ++this.#deaths > this.#options.count) {
      this.#end(new VitreousError('WORKER_FAILED', `The processes that embed images do not start: ${why}.`));
      return;
    }
    const files = task?.files.map(({ path }) => path) ?? [];
    const message = `A process that embeds images died (${why})`;
    if (task === undefined) this.#options.onDeath(`${message}.`);
    else if (task.again) {
      this.#options.onDeath(`${message} for the second time at ${files}.`);
      task.done([
        {
          error: {
            code: 'WORKER_FAILED',
            message: `${files}: the process that embeds it died (${why}), twice.`,
          },
        },
      ]);
    } else {
      this.#options.onDeath(`${message}; its ${files.length} images are tried again, one by one.`);
      Promise.all(task.files.map((file) => this.#ask([file], true))).then(
        (answers) => task.done(answers.flat()),
        task.fail,
      );
    }
    this.#next();
  }

  #end(error: unknown): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    const tasks = [...this.#tasks.splice(0), ...[...this.#embedders].flatMap(({ task }) => task ?? [])];
    for (const { process } of this.#embedders) process.kill();
    for (const { fail } of tasks) fail(error);
  }
}

/** To one that died a moment ago nothing can be sent; that it died is told elsewhere. */
const send = ({ process }: Embedder, question: Question) => process.send(question, () => {});

/** Those flags of this process that say what WebAssembly it runs. */
const engineFlags = () => process.execArgv.filter((flag) => /^--.*(wasm|liftoff)/.test(flag));
