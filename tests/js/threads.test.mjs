// Threads in Node: how many, that they change no bit, and that they end.
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import { build } from 'esbuild';
import { runScript, vitreous } from './support/process.mjs';

jest.setTimeout(180_000); // for a machine with other work

const SIMD = {
  simd: ['--no-experimental-wasm-relaxed-simd'],
  relaxed: ['--experimental-wasm-relaxed-simd'],
};

describe.each(['simd', 'relaxed'])('%s', (simd) => {
  const results = {};
  beforeAll(async () => {
    for (const threads of ['1', '2', '3', 'auto']) {
      results[threads] = await runScript('threads.mjs', { flags: SIMD[simd], args: [threads] });
    }
  });

  test('has the threads that were asked for', () => {
    for (const threads of [2, 3]) {
      expect(results[threads].info).toMatchObject({ variant: `${simd}-mt`, threads });
      expect(results[threads].info.threadsReason).toBeUndefined();
    }
    expect(results[1].info).toMatchObject({ variant: simd, threads: 1 });
  });

  test('every result is the same bits with any number of threads', () => {
    expect(new Set(results[1].digests).size).toBe(5);
    for (const threads of [2, 3, 'auto']) expect(results[threads].digests).toEqual(results[1].digests);
  });

  test('Node gets no global Worker, which pages have', () => {
    for (const { worker } of Object.values(results)) expect(worker).toBe('undefined');
  });
});

test('100 engines, disposed of or forgotten, leave no thread and no memory', async () => {
  const { before, disposed, forgotten } = await runScript('thread_cycles.mjs', { flags: ['--expose-gc'] });
  expect(disposed.tasks).toBe(before.tasks);
  expect(forgotten.tasks).toBe(before.tasks);
  expect(disposed.rss - before.rss).toBeLessThan(64 * 2 ** 20); // each held 30 MB
});

test('the command line says how many threads there are, and ends', async () => {
  const json = await vitreous('info', '--json', '--threads', '2');
  expect(json).toMatchObject({ status: 0, stderr: '' });
  expect(JSON.parse(json.stdout.toString())).toMatchObject({ threads: 2 });
  expect((await vitreous('info', '--threads', '2')).stdout.toString()).toMatch(
    /wasm \w+-mt, 2 threads, fp32/,
  );
  expect((await vitreous('info', '--threads', '1')).stdout.toString()).toMatch(/wasm \w+, 1 thread, fp32/);
});

describe('how many', () => {
  let planThreads;
  let countCores;
  beforeAll(async () => {
    ({ planThreads } = await source('../../web/engine/threads.ts'));
    ({ countCores } = await source('../../web/node/cores.ts'));
  });

  /** A module of web/ as it is in the bundles. */
  async function source(path) {
    const entryPoints = [fileURLToPath(new URL(path, import.meta.url))];
    const { outputFiles } = await build({
      entryPoints,
      bundle: true,
      format: 'esm',
      platform: 'node',
      write: false,
    });
    return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
  }

  test.each([
    ['one processor', { logical: 1 }, 1],
    ['a small machine is taken whole', { logical: 2 }, 2],
    ['4 processors may be 4 cores', { logical: 4 }, 4],
    ['6: a phone of 2 + 4', { logical: 6 }, 4],
    ['8: 4 cores of two threads, or 4 + 4', { logical: 8 }, 4],
    ['12: 6 cores', { logical: 12 }, 6],
    ['a server is not taken whole', { logical: 128 }, 8],
    ['cores that the platform tells', { logical: 8, physical: 6 }, 6],
    ['fewer processors for this process than cores', { logical: 2, physical: 8 }, 2],
  ])('auto: %s', (_, machine, threads) => {
    expect(planThreads('auto', machine)).toEqual({ threads });
  });

  test('a number is taken at its word, up to 64', () => {
    expect(planThreads(3, { logical: 2 })).toEqual({ threads: 3 });
    expect(planThreads(1000, { logical: 2 })).toEqual({ threads: 64, reason: '64 threads are the most' });
  });

  test('an obstacle is a reason only for who wanted threads', () => {
    expect(planThreads('auto', { logical: 4, obstacle: 'no' })).toEqual({ threads: 1, reason: 'no' });
    expect(planThreads(2, { logical: 1, obstacle: 'no' })).toEqual({ threads: 1, reason: 'no' });
    expect(planThreads(1, { logical: 4, obstacle: 'no' })).toEqual({ threads: 1 });
    expect(planThreads('auto', { logical: 1, obstacle: 'no' })).toEqual({ threads: 1 });
  });

  test('/proc/cpuinfo: two threads of a core count once, the same core of two sockets twice', () => {
    const cpu = (processor, socket, core) =>
      `processor\t: ${processor}\nphysical id\t: ${socket}\ncore id\t\t: ${core}\ncpu cores\t: 2\n\n`;
    expect(countCores(cpu(0, 0, 0) + cpu(1, 0, 1) + cpu(2, 0, 0) + cpu(3, 0, 1))).toBe(2);
    expect(countCores(cpu(0, 0, 0) + cpu(1, 1, 0))).toBe(2);
    expect(countCores('processor\t: 0\nBogoMIPS\t: 48.00\n\nprocessor\t: 1\n\n')).toBeUndefined();
  });
});
