// How results are written down.

export const fixed = (value, digits = 0) => (value === undefined ? '' : value.toFixed(digits));
export const times = (value) => (value === undefined ? '' : `${value.toFixed(2)}×`);
export const percent = (value, digits = 0) =>
  value === undefined ? '' : `${(100 * value).toFixed(digits)} %`;
export const bytes = (value, digits = 0) => `${(value / 1e6).toFixed(digits)} MB`;
export const gigaFlops = (macs, ms) => (2 * macs) / ms / 1e6;

/** A paragraph from an indented template string. */
export const note = (text) => text.replace(/\s+/g, ' ').trim();

/**
 * A Markdown table, its columns padded so that it reads well in a terminal too.
 * @param {[string, (row: object) => string][]} columns heading and cell
 */
export function table(columns, rows) {
  if (rows.length === 0) return 'None that could be measured.';
  const used = columns.filter(([, cell]) => rows.some((row) => cell(row)));
  const lines = [used.map(([heading]) => heading), ...rows.map((row) => used.map(([, cell]) => cell(row)))];
  const widths = used.map((_, i) => Math.max(3, ...lines.map((line) => line[i].length)));
  const show = (cells) =>
    `| ${cells.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2))).join('|')}|`;
  return [show(lines[0]), rule, ...lines.slice(1).map(show)].join('\n');
}
