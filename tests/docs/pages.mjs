// The Markdown pages: their code blocks, headings and links.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** The pages whose snippets and links are tested, by their path from the root of the repository. */
export const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .sort()
    .map((file) => `docs/${file}`),
];

export const textOf = (page) => readFileSync(join(root, page), 'utf8');

/**
 * The fenced code blocks. After the language come words for the tests: `run` (run in Node), `node` (checked against the
 * types of the Node entry), `given` (what the page's other blocks take for granted, as ambient declarations).
 * @returns {{ line: number, language: string, words: string[], code: string }[]} `line` is that of the opening fence
 */
export function blocksOf(markdown) {
  const blocks = [];
  let block;
  for (const [i, text] of markdown.split('\n').entries()) {
    const fence = text.match(/^\s*```(.*)$/)?.[1];
    if (block === undefined && fence !== undefined) {
      const [language = '', ...words] = fence.trim().split(/\s+/);
      block = { line: i + 1, language, words, code: '' };
      blocks.push(block);
    } else if (fence !== undefined) block = undefined;
    else if (block) block.code += `${text}\n`;
  }
  return blocks;
}

/** The page without its code blocks and inline code. */
export const proseOf = (markdown) =>
  markdown
    .replace(/^\s*```[\s\S]*?^\s*```$/gm, '')
    .replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()<>]/g, ''));

/** The anchors of the headings, as GitHub makes them. */
export function anchorsOf(markdown) {
  const seen = new Map();
  const headings = [...proseOf(markdown).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) => heading);
  return headings.map((heading) => {
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const slug = text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return count ? `${slug}-${count}` : slug;
  });
}

/** Targets of the page's links and pictures. */
export const linksOf = (markdown) =>
  [...proseOf(markdown).matchAll(/\]\(([^)\s]+)[^)]*\)|(?:href|src)="([^"]+)"/g)].map(([, a, b]) => a ?? b);
