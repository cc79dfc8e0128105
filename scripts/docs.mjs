// npm run docs: the API reference and the pages of docs/ as a static site in build/docs.
// It works from any path of a server, and from the disk. Anything wrong with the comments ends it with exit 1.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { root } from './setup/index.mjs';
import { main, SetupError, step } from './setup/log.mjs';
import { ensurePackages } from './setup/packages.mjs';

const docs = join(root, 'docs');

/** What a program imports → the source file behind it. */
const ENTRIES = {
  vitreous: 'web/index.ts',
  'vitreous in Node': 'web/node/index.ts',
  'vitreous/recipes': 'web/recipes.ts',
  'vitreous/search': 'web/search.ts',
};

/** The pages, in the order of the menu. What one of them links to and is no page is copied beside them. */
const PAGES = [
  'docs/from-timm.md',
  'docs/search.md',
  'docs/recipes.md',
  'docs/performance.md',
  'docs/troubleshooting.md',
  'docs/adding-a-model.md',
  'docs/int8-safetensors.md',
  'docs/index-format.md',
  'models/vit_nano_patch16_224/DATASHEET.md',
  'bench/README.md',
  'bench/results.md',
  'CHANGELOG.md',
];

/** Whatever is exported says what it is; so do the methods, but a field whose name says it all need not. */
const DOCUMENTED = ['Class', 'Interface', 'TypeAlias', 'Function', 'Variable', 'Enum', 'Method', 'Accessor'];

/**
 * Builds the site.
 * @param {{ out: string, entries?: Record<string, string>, pages?: string[], tsconfig?: string }} options `entries`:
 *   module names and their source files; paths are absolute or from the root of the repository
 * @throws {SetupError} with all that TypeDoc complains about: an export without a comment, a link to nowhere, a type
 *   in a signature that cannot be imported
 */
export async function buildDocs({ out, entries = ENTRIES, pages = PAGES, tsconfig = 'tsconfig.json' }) {
  await ensurePackages(docs);
  const { Application, Converter, LogLevel, ReflectionKind } = await import(
    pathToFileURL(join(docs, 'node_modules/typedoc/dist/index.js')).href
  );
  const path = (file) => join(root, file);
  const app = await Application.bootstrap({
    name: 'vitreous',
    readme: path('README.md'),
    entryPoints: Object.values(entries).map(path),
    projectDocuments: pages.map(path),
    tsconfig: path(tsconfig),
    basePath: root,
    customCss: join(docs, 'site.css'),
    // The repository's address is not known here, and the declarations say it all.
    disableSources: true,
    disableGit: true,
    githubPages: false,
    hideGenerator: true,
    excludeInternal: true,
    excludePrivate: true,
    sort: ['kind', 'source-order'],
    navigation: { includeGroups: false, includeCategories: false },
    requiredToBeDocumented: DOCUMENTED,
    validation: { notExported: true, invalidLink: true, notDocumented: true },
    logLevel: 'Warn',
  });
  const complaints = [];
  app.logger.addContext = (message) => message;
  app.logger.log = (message, level) => {
    if (level >= LogLevel.Warn) complaints.push(message);
  };
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    const names = new Map(Object.entries(entries).map(([name, file]) => [moduleName(file), name]));
    for (const module of project.getChildrenByKind(ReflectionKind.Module))
      module.name = names.get(module.name) ?? module.name;
  });
  const project = await app.convert();
  if (project) {
    app.validate(project);
    await app.generateOutputs(project);
  }
  console.log(complaints.join('\n---\n'));
}

const moduleName = (file) => file.replace(/^web\//, '').replace(/\.ts$/, '');

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(() => step('Build the documentation', () => buildDocs({ out: join(root, 'build/docs') })));
}
