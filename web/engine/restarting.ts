// A backend that outlives its engine: when that has died, the next call starts another, which loads the same once more.
import { abortError, disposedError, throwIfAborted, VitreousError } from '../errors.js';
import type { CreateModelOptions } from '../types.js';
import type { Backend, BackendOptions, LastingEngine, LoadOptions, Source } from './backend.js';
import { ThreadsBlocked } from './blocked.js';
import type { GlueClassifier } from './module.js';

// An object's number says in which engine it was made: what was lost must never be taken for what has its place.
const OBJECTS = 2 ** 32;

type StartBackend = (options: BackendOptions) => Promise<Backend>;
type Load = Parameters<Backend['load']>;
type ResetClassifier = Parameters<Backend['resetClassifier']>;

export class RestartingBackend implements Backend, LastingEngine {
  readonly #start: StartBackend;
  #backend: Backend;
  #starts = 0;
  #load: [Load[0], Load[1]] | undefined;
  #classifier: ResetClassifier | undefined;
  /** The restart under way; `stop` ends it. */
  #restart: { done: Promise<void>; stop: AbortController } | undefined;
  #disposed = false;

  private constructor(backend: Backend, start: StartBackend) {
    this.#backend = backend;
    this.#start = start;
  }

  /** `options` are createModel's; of them what says how the engine runs holds for each that is started. */
  static async create(
    createBackend: (options: CreateModelOptions) => Promise<Backend>,
    { worker, threads, maxMemory, assetBase, signal }: CreateModelOptions,
  ): Promise<RestartingBackend> {
    const start: StartBackend = (options) =>
      createBackend({ worker, threads, maxMemory, assetBase, ...options });
    return new RestartingBackend(await start({ signal }), start);
  }

  get variant() {
    return this.#backend.variant;
  }

  get threads() {
    return this.#backend.threads;
  }

  get threadsReason() {
    return this.#backend.threadsReason;
  }

  get worker() {
    return this.#backend.worker;
  }

  get failure(): VitreousError | undefined {
    return this.#backend.failure;
  }

  get generation(): number {
    return this.#starts + (this.failure === undefined ? 0 : 1);
  }

  find: Backend['find'] = (request, access, options) =>
    this.#call((backend) => backend.find(request, access, options), options.signal);

  load: Backend['load'] = async (config, request, options) => {
    const own = { ...config }; // the caller's says later what the weights have made of it
    const result = await this.#call((backend) => backend.load(config, request, options), options.signal);
    this.#load = [own, request];
    for (const key of ['weights', 'head'] as const) {
      const source = request[key];
      if (source && !lasts(source)) this.#load[1] = { ...this.#load[1], [key]: SPENT };
    }
    return result;
  };

  transform: Backend['transform'] = (images, config, options) =>
    this.#call((backend) => backend.transform(images, config, options), options.signal);

  forward: Backend['forward'] = (images, config, request, options) =>
    this.#call((backend) => backend.forward(images, config, request, options), options.signal);

  forwardHead: Backend['forwardHead'] = (...args) => this.#call((backend) => backend.forwardHead(...args));

  classifier: Backend['classifier'] = () => this.#call((backend) => backend.classifier());

  resetClassifier: Backend['resetClassifier'] = async (classes, pool, values) => {
    const own: GlueClassifier | undefined = values && {
      weight: values.weight.slice(),
      bias: values.bias.slice(),
    };
    await this.#call((backend) => backend.resetClassifier(classes, pool, values));
    this.#classifier = [classes, pool, own];
  };

  compute: Backend['compute'] = (recipe, args) => this.#call((backend) => backend.compute(recipe, args));

  make: Backend['make'] = (name, args) =>
    this.#call(async (backend) => {
      const generation = this.#starts;
      return generation * OBJECTS + (await backend.make(name, args));
    });

  invoke: Backend['invoke'] = async (object, method, args) => {
    if (this.#disposed || Math.floor(object / OBJECTS) === this.generation)
      return this.#backend.invoke(object % OBJECTS, method, args);
    if (method === 'delete') return undefined; // that has happened
    throw new VitreousError(
      'WORKER_FAILED',
      'The engine has died, and with it what was kept there for this object. The model goes on; make the object anew.',
      { cause: this.failure },
    );
  };

  memoryBytes: Backend['memoryBytes'] = () => this.#call((backend) => backend.memoryBytes());

  profile: Backend['profile'] = () => this.#call((backend) => backend.profile());

  /**
   * Ends the engine if it lives still, and starts another with the same weights and classifier.
   * @throws `WORKER_FAILED` where the weights cannot be had again; an engine that lives stays then
   */
  async restart(options: LoadOptions): Promise<void> {
    if (this.#disposed) throw disposedError();
    throwIfAborted(options.signal);
    this.#checkWeights();
    this.#backend.dispose(new VitreousError('WORKER_FAILED', 'The model was restarted during this call.'));
    await unlessAborted(this.#again(options), options.signal);
  }

  dispose(): void {
    this.#disposed = true;
    this.#backend.dispose();
    this.#restart?.stop.abort();
  }

  // Where the engine lives the call goes out at once: the order of calls is that of their messages.
  #call<T>(call: (backend: Backend) => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#disposed) return call(this.#backend);
    if (this.failure === undefined) {
      return call(this.#backend).catch((error) => {
        // It was the first to need a module that could not have threads: the next engine has, or does without.
        if (error instanceof ThreadsBlocked) return this.#call(call, signal);
        throw error;
      });
    }
    return unlessAborted(this.#again({}), signal).then(() => this.#call(call, signal));
  }

  /** One restart at a time, for all calls that need it. One that fails is tried again by the next call. */
  #again({ signal, onProgress }: LoadOptions): Promise<void> {
    if (this.#restart === undefined) {
      const stop = new AbortController();
      const done = this.#startAgain({ signal: stop.signal, onProgress }).finally(() => {
        this.#restart = undefined;
      });
      this.#restart = { done, stop };
      signal?.addEventListener('abort', () => stop.abort(signal.reason), { once: true });
    }
    return this.#restart.done;
  }

  async #startAgain(options: LoadOptions): Promise<void> {
    this.#checkWeights();
    let backend: Backend | undefined;
    try {
      backend = await this.#start({ signal: options.signal });
      if (this.#load) await backend.load(...this.#load, options);
      if (this.#classifier) await backend.resetClassifier(...this.#classifier);
      if (this.#disposed) throw disposedError();
    } catch (error) {
      backend?.dispose();
      throw this.#disposed ? disposedError() : error;
    }
    this.#backend = backend;
    this.#starts++;
  }

  #checkWeights(): void {
    if (this.#load?.[1].weights !== SPENT && this.#load?.[1].head !== SPENT) return;
    const died = this.failure ? `${this.failure.message} ` : '';
    throw new VitreousError(
      'WORKER_FAILED',
      `${died}The weights cannot be loaded again: they came as bytes or as a stream, which are not kept. Create the model anew, or give the weights as a URL, Blob or File.`,
      { cause: this.failure },
    );
  }
}

/** Stands for weights that were read and are not kept: a second copy would cost more than a restart is worth. */
const SPENT: Source = [];

const lasts = (source: Source) => Array.isArray(source) || source instanceof Blob;

/** A restart goes on for the others when one who waits for it does not want to any more. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const stop = () => reject(abortError(signal));
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
