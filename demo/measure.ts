// What "Measure this device" measures: the library in this browser, without the page (no DOM here).
import {
  cosineSimilarity,
  createModel,
  createTransform,
  type DataConfig,
  type Dtype,
  type Variant,
  type VisionTransformer,
  type VitreousError,
  type Weights,
} from 'vitreous';

const MIN_ROUNDS = 5;
const MAX_ROUNDS = 15;
/** Rounds go on for this long, so that a slow phone is done in time and a fast machine has many of them. */
const ROUNDS_MS = 10_000;
/** Until then the engine runs code that the browser compiles better meanwhile. */
const WARM_UP_MS = 400;
const WARM_UP_RUNS = 2;
/**
 * A turn is at least about this long: its first image finds sleeping threads and the caches full of another's weights,
 * and clocks are coarse, 0.1 ms or 1 ms where the page is not isolated.
 */
const TURN_MS = 100;
/** How much of the progress the loading and warming up is. */
const LOADING_SHARE = 0.35;

/** 12 megapixels. */
const LARGE_PHOTO = { width: 4000, height: 3000 };

/** The model to measure: another instance of it is made for every contestant. */
export interface Subject {
  name: string;
  /** As in `createModel`; undefined: the packaged ones, or the hub's. */
  weights: Weights | undefined;
  parameters: number;
  /** All threads that the page may have. */
  threads: number;
  /** Why they are not more, if they are not. */
  threadsReason: string | undefined;
  dataConfig: DataConfig;
}

/** Milliseconds an image. */
export interface Timing {
  median: number;
  min: number;
  max: number;
}

/** One contestant's result: `timing`, or the `error` that took it out. */
export interface Entry {
  label: string;
  timing?: Timing;
  /** Of the engine: weights and buffers. */
  memoryBytes?: number;
  error?: { code: string; message: string };
}

/** The forward alone: a preprocessed sample photo to its embedding, the way to the worker and back included. */
export interface ModelEntry extends Entry {
  dtype: Dtype;
  threads: number;
  variant?: Variant;
}

export interface Measurement {
  subject: Subject;
  /** fp32, then int8; each with one thread, then with all if there are more. */
  models: ModelEntry[];
  /** ImageData of 12 megapixels to the model's input, the way to the worker and back included. */
  preprocessing: Entry;
  /** Between the fp32 and the int8 embedding of the sample photo. */
  cosine: number | undefined;
  rounds: number;
  device: { cores: number; isolated: boolean; userAgent: string };
}

export interface MeasureOptions {
  signal: AbortSignal;
  /** `done`: 0 … 1. */
  onProgress(text: string, done: number): void;
}

/** A contestant while it is in the race. */
interface Lane {
  entry: Entry;
  /** Processes one image. */
  run(): Promise<unknown>;
  memoryBytes?(): Promise<number>;
  dispose(): void;
  imagesPerTurn: number;
  /** Milliseconds an image of each turn. */
  times: number[];
}

/**
 * Measures all contestants, which take turns, so that a device which slows down slows all of them.
 * @param photo - what the forward sees, any photo
 * @returns a measurement in which contestants that failed have an error instead of a timing
 * @throws when `signal` aborts, or when the photo cannot be preprocessed; nothing keeps running then either
 */
export async function measure(
  subject: Subject,
  photo: Blob,
  { signal, onProgress }: MeasureOptions,
): Promise<Measurement> {
  const models = contestants(subject.threads);
  const preprocessing: Entry = { label: '12-megapixel photo to model input' };
  const embeddings = new Map<Dtype, Float32Array>();
  const transform = createTransform(subject.dataConfig);
  const lanes: Lane[] = [];

  /** Takes a contestant that fails out of the race. */
  const attempt = async (entry: Entry, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      const { code = '', message } = error as Partial<VitreousError> & Error;
      entry.error = { code, message };
      const index = lanes.findIndex((lane) => lane.entry === entry);
      if (index >= 0) lanes.splice(index, 1)[0]?.dispose();
    }
    signal.throwIfAborted();
  };
  const enter = async (lane: Omit<Lane, 'imagesPerTurn' | 'times'>) => {
    const entered: Lane = { ...lane, imagesPerTurn: 1, times: [] };
    lanes.push(entered);
    await warmUp(entered);
  };

  try {
    onProgress('Preparing a photo …', 0);
    const input = await transform(photo, { signal });
    const all = models.length + 1;

    // The small ones first: a device with little memory then has a result for those at least.
    for (const [i, entry] of [...models].reverse().entries()) {
      onProgress(`Loading ${entry.label} …`, (LOADING_SHARE * i) / all);
      await attempt(entry, async () => {
        const model = await load(subject, entry, signal);
        await enter({
          entry,
          run: async () => {
            const { data } = await model.forward(input, { signal });
            embeddings.set(entry.dtype, data);
          },
          memoryBytes: () => model.memoryBytes(),
          dispose: () => model.dispose(),
        });
      });
    }
    onProgress('Preparing a 12-megapixel photo …', (LOADING_SHARE * models.length) / all);
    await attempt(preprocessing, async () => {
      const pixels = largePhoto();
      await enter({ entry: preprocessing, run: () => transform(pixels, { signal }), dispose() {} });
    });

    const rounds = await takeTurns(lanes, attempt, (round, done) =>
      onProgress(`Round ${round} …`, LOADING_SHARE + (1 - LOADING_SHARE) * done),
    );
    for (const { entry, memoryBytes, times } of [...lanes]) {
      await attempt(entry, async () => {
        if (memoryBytes) entry.memoryBytes = await memoryBytes();
        entry.timing = timingOf(times);
      });
    }
    const [fp32, int8] = [embeddings.get('fp32'), embeddings.get('int8')];
    const cosine = fp32 && int8 ? cosineSimilarity(fp32, int8) : undefined;
    return { subject, models, preprocessing, cosine, rounds, device: device() };
  } finally {
    for (const lane of lanes) lane.dispose();
    transform.dispose();
  }
}

function contestants(threads: number): ModelEntry[] {
  const counts = threads > 1 ? [1, threads] : [1];
  return (['fp32', 'int8'] as const).flatMap((dtype) =>
    counts.map((n) => ({ dtype, threads: n, label: `${dtype}, ${n} thread${n === 1 ? '' : 's'}` })),
  );
}

async function load(
  { name, weights }: Subject,
  entry: ModelEntry,
  signal: AbortSignal,
): Promise<VisionTransformer> {
  const { dtype, threads } = entry;
  const model = await createModel(name, { weights, dtype, threads, numClasses: 0, signal });
  const { info } = model;
  if (signal.aborted || info.threads !== threads) {
    model.dispose();
    signal.throwIfAborted();
    // A figure under the wrong name would be worse than none.
    throw new Error(`There are ${info.threads} of ${threads} threads: ${info.threadsReason}.`);
  }
  entry.variant = info.variant;
  return model;
}

/** Runs until the browser has compiled its best code, and finds how many images a turn takes. */
async function warmUp(lane: Lane): Promise<void> {
  const start = performance.now();
  let last = 0;
  for (let runs = 0; runs < WARM_UP_RUNS || performance.now() - start < WARM_UP_MS; runs++) {
    const begun = performance.now();
    await lane.run();
    last = performance.now() - begun;
  }
  lane.imagesPerTurn = Math.ceil(TURN_MS / Math.max(last, 1));
}

/** @returns the number of rounds */
async function takeTurns(
  lanes: Lane[],
  attempt: (entry: Entry, work: () => Promise<void>) => Promise<void>,
  onRound: (round: number, done: number) => void,
): Promise<number> {
  const start = performance.now();
  let rounds = 0;
  for (;;) {
    const time = (performance.now() - start) / ROUNDS_MS;
    const done = Math.max(rounds / MAX_ROUNDS, Math.min(time, rounds / MIN_ROUNDS));
    if (done >= 1 || lanes.length === 0) return rounds;
    onRound(rounds + 1, done);
    // The order turns round each time: nobody always comes after the one that heats the device most.
    for (const lane of rounds % 2 ? [...lanes].reverse() : [...lanes]) {
      await attempt(lane.entry, async () => {
        const begun = performance.now();
        for (let i = 0; i < lane.imagesPerTurn; i++) await lane.run();
        lane.times.push((performance.now() - begun) / lane.imagesPerTurn);
      });
    }
    rounds++;
  }
}

function timingOf(times: number[]): Timing {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (index: number) => sorted[index] as number;
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? at(middle) : (at(middle - 1) + at(middle)) / 2;
  return { median, min: at(0), max: at(sorted.length - 1) };
}

/** Pixels as uneven as a photo's, though their values do not matter to the time. */
function largePhoto(): ImageData {
  const { width, height } = LARGE_PHOTO;
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const few = 16 * width;
  for (let i = 0; i < few; i++) pixels[i] = Math.imul(i, 0x9e3779b1) | 0xff000000;
  for (let filled = few; filled < pixels.length; filled *= 2) pixels.copyWithin(filled, 0, filled);
  return image;
}

const device = () => ({
  cores: navigator.hardwareConcurrency,
  isolated: globalThis.crossOriginIsolated === true,
  userAgent: navigator.userAgent,
});
