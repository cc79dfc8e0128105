// The tables of docs/bundlers.md: what the last run found, a row for each host and runtime.
import { readFile, writeFile } from 'node:fs/promises';

const PAGE = new URL('../../../docs/bundlers.md', import.meta.url);
const tableAfter = (name) => new RegExp(`(?<=<!-- ${name}: written by .*-->\\n)(?:\\|.*\\n)*`);

/** Of each table: what is tried (`uses`), with one thread (`threads` false) and with several, and further columns. */
const TABLES = {
  hosts: {
    columns: [
      ['embeds, 1 thread', 'embeds', false],
      ['searches, 1 thread', 'searches', false],
      ['embeds, threads', 'embeds', true],
      ['searches, threads', 'searches', true],
      ['`worker: false`', 'embeds without a worker', false],
    ],
    further: { csp: 'strict CSP', add: 'to be added' },
  },
  runtimes: {
    columns: [
      ['1 thread', 'runs', false],
      ['threads', 'runs', true],
    ],
    further: {},
  },
};

/** The lines of a table: those of `before` with a run's `cells` (`{ host, version, threads, uses, ok }` each), then new ones. */
export function tableOf(name, cells, before) {
  const { columns, further } = TABLES[name];
  const rows = new Map(rowsOf(before).map((row) => [row[0], row])); // each keeps its place
  for (const { host, version, ...rest } of cells) {
    const show = ([, uses, threads]) => {
      const cell = cells.find(
        (other) => other.host === host && other.uses === uses && other.threads === threads,
      );
      return cell === undefined ? '' : cell.ok ? 'yes' : '**no**';
    };
    rows.set(host, [
      host,
      version,
      ...columns.map(show),
      ...Object.keys(further).map((key) => rest[key] ?? ''),
    ]);
  }
  const head = ['', 'version', ...columns.map(([title]) => title), ...Object.values(further)];
  const lines = [head, head.map(() => '---'), ...rows.values()];
  return lines.map((line) => `| ${line.join(' | ')} |\n`).join('');
}

const rowsOf = (table) => {
  const lines = table.trim().split('\n').slice(2);
  return lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
};

/** Writes what a run found into the page. Rows of what it has not tried stay, unless it was a whole one. */
export async function writeTable(name, cells, { whole }) {
  const page = await readFile(PAGE, 'utf8');
  await writeFile(
    PAGE,
    page.replace(tableAfter(name), (before) => tableOf(name, cells, whole ? '' : before)),
  );
}
