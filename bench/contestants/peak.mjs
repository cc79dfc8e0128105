// The wasm peaks of this machine, peak.cc, with as many threads at once as are asked for.
import { readFileSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const STEPS = 20_000;
const CHAINS = [12, 24];

// Operations of one step of one chain, as peak.cc has them.
const kernels = {
  relaxed_madd: { variant: 'relaxed', ops: 8 },
  mul_add: { variant: 'simd', ops: 8 },
  dot_i16x8: { variant: 'simd', ops: 16 },
  relaxed_dot: { variant: 'relaxed', ops: 32 },
};

const best = (seconds, work) => {
  let least = Infinity;
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    const start = performance.now();
    work();
    least = Math.min(least, performance.now() - start);
  }
  return least;
};

/** One thread's engine: its best rate in Gop/s or GB/s over the given time. */
function peakOf(wasm) {
  const instance = (variant) => {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(wasm[variant])));
    exports._initialize();
    return exports;
  };
  const engines = { simd: instance('simd'), relaxed: instance('relaxed') };
  engines.simd.fill();
  return (kernel, seconds) => {
    if (kernel === 'memory') return engines.simd.sum_bytes() / best(seconds, engines.simd.sum) / 1e6;
    const { variant, ops } = kernels[kernel];
    const rates = CHAINS.map((chains) => {
      const ms = best(seconds / CHAINS.length, () => engines[variant][kernel](STEPS, chains));
      return (ops * chains * STEPS) / ms / 1e6;
    });
    return Math.max(...rates);
  };
}

if (!isMainThread) {
  const peak = peakOf(workerData);
  parentPort.on('message', ({ kernel, seconds }) => parentPort.postMessage(peak(kernel, seconds)));
}

export async function load({ wasm, threads }) {
  const workers = Array.from(
    { length: threads },
    () => new Worker(new URL(import.meta.url), { workerData: wasm }),
  );
  const ask = (worker, message) =>
    new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.postMessage(message);
    });
  return {
    info: { threads },
    /** All kernels, one after the other, each on all threads at once: { relaxed_madd: Gop/s, …, memory: GB/s }. */
    async run(seconds = 0.1) {
      const rates = {};
      for (const kernel of [...Object.keys(kernels), 'memory']) {
        const each = await Promise.all(workers.map((worker) => ask(worker, { kernel, seconds })));
        rates[kernel] = each.reduce((a, b) => a + b, 0);
      }
      return rates;
    },
  };
}
