import { listModels } from 'vitreous';
import type { Flags } from '../cli.js';
import { print, UsageError } from './model.js';

/** `vitreous models [PATTERN]` */
export async function models(words: string[], flags: Flags): Promise<number> {
  const [pattern = '*', ...rest] = words;
  if (rest.length > 0) throw new UsageError("vitreous models takes one PATTERN, in quotes: '*dino*'.");
  const found = listModels(pattern);
  if (flags.json) {
    await print(`${JSON.stringify(found, null, 2)}\n`);
    return 0;
  }
  const width = Math.max(...found.map(({ name }) => name.length));
  for (const { name, parameters, dataConfig, license, description } of found) {
    const size = `${(parameters / 1e6).toFixed(1).padStart(5)} M  ${String(dataConfig.inputSize[2]).padStart(3)} px`;
    await print(`${name.padEnd(width)}  ${size}  ${license.padEnd(12)}  ${description}\n`);
  }
  return 0;
}
