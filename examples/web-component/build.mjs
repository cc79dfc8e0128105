// site/: the page, the element, and the package's dist beside them.
import { cpSync, rmSync } from 'node:fs';

rmSync('site', { recursive: true, force: true });
for (const file of ['index.html', 'vitreous-search.js']) cpSync(file, `site/${file}`);
cpSync('node_modules/vitreous/dist', 'site/vitreous', {
  recursive: true,
  filter: (path) => !/\.(d\.ts|mjs|cjs)$|\/(types|photos)$/.test(path), // for TypeScript, for Node, and samples
});
