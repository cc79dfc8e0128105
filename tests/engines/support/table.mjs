// The table of docs/browsers.md, between two comments: a row for each engine on each site, as it last ran.
import { readFileSync, writeFileSync } from 'node:fs';

const page = new URL('../../../docs/browsers.md', import.meta.url);
const [START, END] = ['<!-- what ran -->\n\n', '\n<!-- end -->'];
const HEAD = `| engine | | isolated | in a page | in the user’s own worker | in a frame | to timm |
| --- | --- | --- | --- | --- | --- | --- |
`;

const cellOf = ({ variant, threads }) => `\`${variant}\`${threads > 1 ? `, ${threads} threads` : ''}`;

/**
 * @param {object[]} results of the cells, { engine, version, site, place, variant, threads, difference }
 * @param {string[]} places the columns; a row is there when all its cells are
 * @returns {string[]} lines
 */
export function rowsOf(results, places) {
  const rows = Object.values(groupBy(results, ({ engine, site }) => `${engine.name} ${site}`));
  return rows
    .filter((cells) => cells.length === places.length)
    .map((cells) => {
      const [{ version, engine, site }] = cells;
      const ran = places.map((place) => cellOf(cells.find((cell) => cell.place === place)));
      const worst = Math.max(...cells.map(({ difference }) => difference)).toExponential(0);
      const isolated = site === 'isolated' ? 'yes' : 'no';
      return `| ${[version, engine.title, isolated, ...ran, worst].join(' | ')} |\n`;
    });
}

function groupBy(list, keyOf) {
  const groups = {};
  for (const item of list) {
    groups[keyOf(item)] ??= [];
    groups[keyOf(item)].push(item);
  }
  return groups;
}

/** Puts the rows in the place of those of the same engine, whatever its version, and site. */
export function writeRows(rows) {
  const text = readFileSync(page, 'utf8');
  const [start, end] = [text.indexOf(START) + START.length, text.indexOf(END)];
  const keyOf = (row) =>
    row
      .split('|')
      .slice(1, 4)
      .join('|')
      .replace(/[\d.]+/, '');
  const kept = text.slice(start, end).replace(HEAD, '').match(/.+\n/g) ?? [];
  const all = new Map([...kept, ...rows].map((row) => [keyOf(row), row]));
  const lines = [...all.keys()].sort().map((key) => all.get(key));
  writeFileSync(page, `${text.slice(0, start)}${HEAD}${lines.join('')}${text.slice(end)}`);
}
