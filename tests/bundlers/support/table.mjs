// The table of docs/bundlers.md: what the last run found, a row for each host.
import { readFile, writeFile } from 'node:fs/promises';

const PAGE = new URL('../../../docs/bundlers.md', import.meta.url);
const TABLE = /(?<=<!-- Written by `npm run test:full -- --only bundlers` -->\n)(?:\|.*\n)*/;
const HEAD = [
  'host',
  'version',
  'embeds, 1 thread',
  'searches, 1 thread',
  'embeds, threads',
  'searches, threads',
];

/**
 * Puts the rows of a run into the table, in place of those of the same hosts.
 * @param {{ host: string, version: string, add: string, csp: string, threads: boolean, uses: string, ok: boolean }[]} cells
 */
export function tableOf(cells, before) {
  const rows = new Map(rowsOf(before).map((row) => [row[0], row]));
  for (const { host, version, add, csp } of cells) {
    const show = (threads, uses) => {
      const cell = cells.find(
        (other) => other.host === host && other.threads === threads && other.uses === uses,
      );
      return cell === undefined ? '' : cell.ok ? 'yes' : '**no**';
    };
    const found = [false, true].flatMap((threads) =>
      ['embeds', 'searches'].map((uses) => show(threads, uses)),
    );
    rows.set(host, [host, version, ...found, csp, add]);
  }
  const lines = [
    [...HEAD, 'strict CSP', 'to be added'],
    Array(HEAD.length + 2).fill('---'),
    ...rows.values(),
  ];
  return lines.map((line) => `| ${line.join(' | ')} |\n`).join('');
}

const rowsOf = (table) =>
  table
    .split('\n')
    .slice(2, -1)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

/** Writes what a run found into the page; a run that was broken off writes nothing. */
export async function writeTable(cells) {
  const page = await readFile(PAGE, 'utf8');
  await writeFile(
    PAGE,
    page.replace(TABLE, (before) => tableOf(cells, before)),
  );
}
