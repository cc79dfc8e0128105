// The step that all suites share: start contestants, let them take turns, note what they used.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../scripts/setup/index.mjs';
import { say } from '../scripts/setup/log.mjs';
import { startAll, takeTurns } from './children.mjs';
import { readNpy } from './files.mjs';
import { cosine, maxError } from './stats.mjs';

/**
 * @param {object} context of run.mjs
 * @param {object[]} contestants see Child; `also`: other methods of the same process, `{ name, method }`, which take
 *   turns of their own
 * @param {{ prepare?: any[], check?: (started: object) => Promise<object> }} options `prepare`: the arguments of a
 *   call of that name before the turns; `check`: what is to be known of a contestant besides, when it has started
 * @returns {Promise<{ rows: object[], absent: { name: string, reason: string }[] }>} a row: name, threads, dtype, info,
 *   loadMs, ms (by round), values, cores, resources, and what `check` returned
 */
export async function compare(context, contestants, { prepare, check = async () => ({}) } = {}) {
  const { started, absent } = await startAll(contestants, context.programs);
  for (const { name, reason } of absent) say(`      without ${name}: ${reason}`);
  try {
    const checks = [];
    for (const one of started) {
      checks.push(await check(one));
      if (prepare) await one.child.call('prepare', ...prepare);
    }
    const turns = started.flatMap((one, i) => [
      { ...one, ...checks[i], name: one.contestant.name },
      ...(one.contestant.also ?? []).map(({ name, method }) => ({ ...one, name, method })),
    ]);
    const results = await takeTurns(turns, context.pace);
    const rows = [];
    for (const [i, { child, contestant, ...turn }] of turns.entries()) {
      const { kind, options } = contestant;
      const { value: resources } = await child.call('resources');
      rows.push({ kind, dtype: options.dtype, threads: options.threads, ...turn, ...results[i], resources });
    }
    return { rows, absent };
  } finally {
    for (const { child } of started) await child.stop();
  }
}

/** Compares a contestant's embeddings of the generated images with timm's, tests/goldens/. */
export async function checkAgainstTimm({ contestant, child }) {
  if (contestant.kind === 'floor') return { check: (await child.call('check')).value };
  const goldens = join(root, 'tests/goldens', contestant.options.model);
  // The same for a model without a classifier; only some have the first.
  const golden = ['forward_head_pre_logits.npy', 'forward.npy']
    .map((name) => join(goldens, name))
    .find(existsSync);
  const { data, shape } = readNpy(golden);
  await child.call('prepare', shape[0]);
  await child.call('run');
  const { value: embeddings } = await child.call('outputs');
  await child.call('prepare', 1);
  return { maxError: maxError(embeddings, data), cosine: cosine(embeddings, data) };
}
