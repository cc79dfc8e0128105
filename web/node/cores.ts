import { readFileSync } from 'node:fs';

/** The cores of this machine, on Linux; undefined where the system does not tell. */
export function physicalCores(): number | undefined {
  let text: string;
  try {
    text = readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return undefined;
  }
  return countCores(text);
}

/** Different pairs of `physical id` and `core id` in the text of /proc/cpuinfo; undefined without (ARM). */
export function countCores(cpuinfo: string): number | undefined {
  const field = (block: string, name: string) => new RegExp(`^${name}\\s*: (\\d+)$`, 'm').exec(block)?.[1];
  const cores = new Set<string>();
  for (const block of cpuinfo.split(/\n\n/)) {
    const core = field(block, 'core id');
    if (core !== undefined) cores.add(`${field(block, 'physical id')}:${core}`);
  }
  return cores.size || undefined;
}
