// A measurement as text: the same words and figures on the page and in what is copied (no DOM here).
import type { Entry, Measurement } from './measure.js';

/** Set by the build: the version of the package. */
declare const VERSION: string;

/** Three digits of it. */
export const figure = (value: number) => value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
export const range = ({ min, max }: { min: number; max: number }) => `${figure(min)} – ${figure(max)}`;
export const perSecond = (median: number) => figure(1000 / median);
export const memory = ({ memoryBytes }: Entry) =>
  memoryBytes === undefined ? '–' : `${(memoryBytes / 1e6).toFixed(0)} MB`;
export const ratio = (value: number) => `${value.toFixed(2)}×`;

export interface Ratio {
  label: string;
  /** How many times as fast. */
  value: number;
}

/** What threads bring and what int8 brings, of those contestants that came through. */
export function ratiosOf({ models, subject: { threads } }: Measurement): Ratio[] {
  const median = (dtype: string, count: number) =>
    models.find((entry) => entry.dtype === dtype && entry.threads === count)?.timing?.median;
  const ratios: Ratio[] = [];
  const add = (label: string, slow: number | undefined, fast: number | undefined) => {
    if (slow && fast) ratios.push({ label, value: slow / fast });
  };
  if (threads > 1) {
    for (const dtype of ['fp32', 'int8'])
      add(`${threads} threads against 1, ${dtype}`, median(dtype, 1), median(dtype, threads));
  }
  for (const count of threads > 1 ? [1, threads] : [1]) {
    const label = `int8 against fp32, ${count} thread${count === 1 ? '' : 's'}`;
    add(label, median('fp32', count), median('int8', count));
  }
  return ratios;
}

/** Name and value of all that one needs to know to compare the figures with another device's. */
export function factsOf({ subject, models, cosine, rounds, device }: Measurement): [string, string][] {
  const { name, parameters, threads, threadsReason } = subject;
  const variants = [...new Set(models.flatMap(({ variant }) => variant ?? []))];
  const fewer = threadsReason ?? (threads === 1 ? `the browser tells of ${device.cores} core` : undefined);
  return [
    ['Model', `${name}, ${(parameters / 1e6).toFixed(1)} M parameters`],
    ['Cosine of int8 to fp32', cosine === undefined ? 'not known' : cosine.toFixed(6)],
    ['Cores, as the browser tells', `${device.cores}`],
    ['Cross-origin isolated', device.isolated ? 'yes' : 'no'],
    ['Engine', variants.join(', ') || 'not known'],
    ['Rounds', `${rounds}`],
    ['vitreous', VERSION],
    // The long ones last.
    ['Threads', fewer ? `${threads}: ${fewer}` : `${threads}`],
    ['Browser', device.userAgent],
  ];
}

export const entriesOf = ({ models, preprocessing }: Measurement): Entry[] => [...models, preprocessing];

export const errorText = ({ code, message }: NonNullable<Entry['error']>) =>
  code ? `${code}: ${message}` : message;

/** The measurement as a Markdown table and lists, to be pasted into an issue. */
export function toMarkdown(measurement: Measurement): string {
  // A bar or a line end would break the table.
  const cell = (text: string) => text.replaceAll('|', '\\|').replace(/\s+/g, ' ');
  const rows = entriesOf(measurement).map((entry) => {
    const { label, timing, error } = entry;
    if (!timing) return [label, cell(error ? errorText(error) : 'not measured'), '', '', ''];
    return [label, figure(timing.median), range(timing), perSecond(timing.median), memory(entry)];
  });
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(['', 'ms an image, median', 'range', 'images a second', 'engine memory']),
    line(['---', '---:', '---:', '---:', '---:']),
    ...rows.map(line),
    '',
    ...ratiosOf(measurement).map(({ label, value }) => `- ${label}: ${ratio(value)}`),
    ...factsOf(measurement).map(([name, value]) => `- ${name}: ${value}`),
    '',
  ].join('\n');
}
