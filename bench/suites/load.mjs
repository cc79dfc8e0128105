// From bytes to a model that is ready, and the memory that takes: from a file, from the network, from the cache; in Node
// and in Chromium.
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from '../../scripts/serve.mjs';
import { root } from '../../scripts/setup/index.mjs';
import { say } from '../../scripts/setup/log.mjs';
import { Child } from '../children.mjs';
import { FULL } from '../lineup.mjs';
import { bytes, fixed, note, table, times } from '../report.mjs';
import { exportedModel } from '../setup.mjs';
import { median, timesOurs } from '../stats.mjs';

export const title = 'Loading ViT-B/16';

export async function run(context) {
  const folder = await exportedModel(FULL, context.programs);
  const site = await serve({ mounts: { '/dist/': join(root, 'dist'), '/model/': folder }, port: 0 });
  const caches = mkdtempSync(join(tmpdir(), 'vitreous-bench-'));
  const rounds = context.quick ? 1 : Math.ceil(context.pace.rounds / 3);
  try {
    const rows = [];
    for (const dtype of ['fp32', 'int8']) {
      say(`      ${dtype} in Node`);
      rows.push(...(await inNode(context, { dtype, folder, caches, site, rounds })));
      say(`      ${dtype} in Chromium`);
      rows.push(...(await inChromium({ dtype, site, rounds })));
    }
    return { model: FULL, fileBytes: statSync(join(folder, 'model.safetensors')).size, rows };
  } finally {
    await site.close();
    rmSync(caches, { recursive: true });
  }
}

/** Each load in a process of its own; the sources take turns. */
async function inNode({ programs }, { dtype, folder, caches, site, rounds }) {
  const ours = { engine: 'vitreous', model: FULL, dtype, threads: 1 };
  const url = `${site.url}model/model.safetensors`;
  const cache = join(caches, dtype);
  const sources = [
    { name: 'vitreous, from a file', options: { ...ours, weights: join(folder, 'model.safetensors') } },
    {
      name: 'vitreous, from the network, filling the cache',
      options: { ...ours, weights: url, cache },
      fresh: true,
    },
    { name: 'vitreous, from the cache', options: { ...ours, weights: url, cache }, cached: true },
    {
      name: 'onnxruntime-web, session from bytes in memory',
      options: { engine: 'onnxruntime', folder, dtype, threads: 1 },
    },
  ];
  const results = sources.map(({ name }) => ({ name, where: 'Node', dtype, ms: [], peaks: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const [i, { name, options, fresh, cached }] of sources.entries()) {
      if (fresh) rmSync(cache, { recursive: true, force: true });
      const child = new Child({ name, module: 'ready', options }, programs);
      try {
        await child.call('load');
        const { ms, value } = await child.call('ready');
        if (cached && !value.cached) throw new Error('the cache was not used');
        results[i].ms.push(ms);
        results[i].peaks.push((await child.call('resources')).value.peakBytes);
      } finally {
        await child.stop();
      }
    }
  }
  const [, , fromCache, session] = results;
  for (const result of results) result.timesCached = timesOurs(result.ms, fromCache.ms);
  session.peaks = []; // it holds the file beside the session: not comparable
  return results;
}

/** Each load in a browser of its own, whose profile keeps the cache: once from the network, then from the cache. */
async function inChromium({ dtype, site, rounds }) {
  const { chromium } = await import('playwright-core');
  const names = ['vitreous, from the network, filling the cache', 'vitreous, from the cache'];
  const results = names.map((name) => ({ name, where: 'Chromium', dtype, ms: [], peaks: [], baselines: [] }));
  for (let round = 0; round < rounds; round++) {
    const profile = mkdtempSync(join(tmpdir(), 'vitreous-bench-'));
    try {
      for (const [i, result] of results.entries()) {
        const context = await chromium.launchPersistentContext(profile, {
          executablePath: '/usr/bin/chromium',
          args: ['--no-sandbox'],
        });
        try {
          const page = await context.newPage();
          await page.goto(site.url); // there is no such page; any of the origin's will do
          const before = await renderers(page);
          const { ms, cached } = await page.evaluate(
            async ([name, dtype]) => {
              const { createModel } = await import('/dist/index.js');
              const start = performance.now();
              const model = await createModel(name, {
                weights: '/model/model.safetensors',
                dtype,
                threads: 1,
              });
              return { ms: performance.now() - start, cached: model.info.cached };
            },
            [FULL, dtype],
          );
          if (cached !== (i === 1))
            throw new Error(`${result.name}: the cache was ${cached ? '' : 'not '}used`);
          result.ms.push(ms);
          // The page's is the one that grew.
          const [[pid, peak]] = [...(await renderers(page))].sort(([, a], [, b]) => b - a);
          result.peaks.push(peak);
          result.baselines.push(before.get(pid));
        } finally {
          await context.close();
        }
      }
    } finally {
      rmSync(profile, { recursive: true, force: true });
    }
  }
  return results;
}

/** The most resident memory that each of the browser's renderers ever had, by process id. */
async function renderers(page) {
  const cdp = await page.context().browser().newBrowserCDPSession();
  const { processInfo } = await cdp.send('SystemInfo.getProcessInfo');
  return new Map(processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => [id, peakOf(id)]));
}

const peakOf = (pid) => 1024 * Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmHWM:\s+(\d+)/)[1]);

export function render({ fileBytes, rows }) {
  const columns = [
    ['', ({ name }) => name],
    ['in', ({ where }) => where],
    ['dtype', ({ dtype }) => dtype],
    ['ready after, s', ({ ms }) => fixed(median(ms) / 1000, 2)],
    ['× from the cache', ({ timesCached }) => times(timesCached)],
    ['peak memory', ({ peaks }) => (peaks.length ? bytes(median(peaks)) : '')],
    ['of it before', ({ baselines }) => (baselines ? bytes(median(baselines)) : '')],
  ];
  const intro =
    note(`A file of ${bytes(fileBytes)} (fp32; int8 is quantized as it arrives), on the same machine; ready: createModel
    has resolved. One thread. Each load in a process of its own, medians. Peak memory: the most resident memory of the
    process (Node), or of the page's renderer (Chromium), library and platform included. onnxruntime-web gets the bytes
    of its own file in memory; its time is that of InferenceSession.create.`);
  return `${intro}\n\n${table(columns, rows)}`;
}
