// npm run docs: the API reference and the pages of docs/ as a static site in build/docs, which works from any path of a
// server and from the disk. Whatever is wrong with a comment or a link ends it with exit 1.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { root } from './setup/index.mjs';
import { main, note, SetupError, step } from './setup/log.mjs';
import { ensurePackages } from './setup/packages.mjs';

const docs = join(root, 'docs');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** What a program can import → the source file behind its declarations. */
function entriesOf({ name, exports }) {
  const entries = {};
  for (const [path, { types, node }] of Object.entries(exports)) {
    const source = (declarations) => declarations.replace('./dist/types/', 'web/').replace('.d.ts', '.ts');
    const module = name + path.slice(1);
    if (types) entries[module] = source(types);
    if (node?.types) entries[`${module} (Node)`] = source(node.types);
  }
  return entries;
}

/** The pages that come first in the menu; the others of docs/ follow. */
const FIRST = ['from-timm.md', 'recipes.md', 'search.md', 'performance.md', 'troubleshooting.md'];
/** What the pages link to that is a page as well. Any other file they link to is copied. */
const BESIDE = [
  'bench/README.md',
  'bench/results.md',
  'models/vit_nano_patch16_224/DATASHEET.md',
  'CHANGELOG.md',
];

const pagesOfDocs = () => {
  const rest = readdirSync(docs).filter((file) => file.endsWith('.md') && !FIRST.includes(file));
  return [...[...FIRST, ...rest.sort()].map((file) => `docs/${file}`), ...BESIDE];
};

/** Everything exported says what it is, and so do methods; a field whose name says it all need not. */
const DOCUMENTED = ['Class', 'Interface', 'TypeAlias', 'Function', 'Variable', 'Enum', 'Method', 'Accessor'];

/**
 * Builds the site. Its library is TypeDoc, which has a package.json of its own in docs/: it needs an older TypeScript.
 * @param {object} options
 * @param {string} options.out where to
 * @param {Record<string, string>} [options.entries] modules and their source files, from the root of the repository
 * @param {string[]} [options.pages] Markdown files, from the root of the repository
 * @param {string} [options.tsconfig] of the entries
 * @throws {SetupError} with all complaints: an export without a comment, a link to nowhere, a comment on a parameter
 *   that is not there, a type in a signature that cannot be imported
 */
export async function buildDocs({
  out,
  entries = entriesOf(manifest),
  pages = pagesOfDocs(),
  tsconfig = 'tsconfig.json',
}) {
  await ensurePackages(docs);
  const typedoc = pathToFileURL(join(docs, 'node_modules/typedoc/dist/index.js')).href;
  const { Application, Converter, Logger, LogLevel, ReflectionKind } = await import(typedoc);
  const path = (file) => join(root, file);
  const app = await Application.bootstrap({
    name: 'vitreous',
    readme: path('README.md'),
    entryPoints: Object.values(entries).map(path),
    projectDocuments: pages.map(path),
    tsconfig: path(tsconfig),
    basePath: root,
    outputs: [{ name: 'html', path: out }],
    cleanOutputDir: true,
    customCss: join(docs, 'site.css'),
    // The declarations say it all, and where the repository will be is not known here.
    disableSources: true,
    githubPages: false,
    hideGenerator: true,
    includeHierarchySummary: false,
    excludeInternal: true,
    excludePrivate: true,
    sort: ['kind', 'source-order'],
    sortEntryPoints: false,
    categorizeByGroup: false,
    highlightLanguages: ['js', 'ts', 'json', 'html', 'css', 'sh', 'bash', 'python', 'c++', 'console'],
    requiredToBeDocumented: DOCUMENTED,
    // Whether all types are exported is `hiddenTypes`' to say: TypeDoc's own check lets internal ones pass.
    validation: { notExported: false, invalidLink: true, rewrittenLink: true, notDocumented: true },
  });
  const complaints = [];
  app.logger = Object.assign(new Logger(), {
    log: (message, level) => level >= LogLevel.Warn && complaints.push(message),
  });
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    const names = new Map(Object.entries(entries).map(([name, file]) => [moduleOf(file), name]));
    for (const module of project.getChildrenByKind(ReflectionKind.Module))
      module.name = names.get(module.name) ?? module.name;
    for (const [i, document] of (project.documents ?? []).entries())
      document.frontmatter.title ??= document.name = titleOf(path(pages[i]));
  });
  const project = await app.convert();
  if (project) {
    app.validate(project);
    complaints.push(...hiddenTypes(app.serializer.projectToObject(project, root)));
    await app.generateOutputs(project);
  }
  if (complaints.length)
    throw new SetupError(`The documentation has ${complaints.length} faults:\n\n${complaints.join('\n\n')}`);
  note(out);
}

/** Complaints about types of this package in signatures that a program cannot import: not exported, or internal. */
function hiddenTypes(json) {
  const found = new Set();
  const visit = (value, owner) => {
    if (typeof value !== 'object' || value === null) return;
    const { type, target, refersToTypeParameter } = value;
    // What is in the documentation has its number as the target, what was left out of it -1.
    if (type === 'reference' && value.package === 'vitreous' && !(target >= 0 || refersToTypeParameter))
      found.add(`${value.name} is in the signature of ${owner}, but is not exported`);
    const name = value.variant === 'declaration' ? [owner, value.name].filter(Boolean).join('.') : owner;
    for (const part of Object.values(value)) visit(part, name);
  };
  visit(json.children, '');
  return found;
}

/** TypeDoc's own name for a module. */
const moduleOf = (file) => file.replace(/\.ts$/, '').replace(/\/index$/, '');

const titleOf = (page) =>
  readFileSync(page, 'utf8')
    .match(/^# (.+)$/m)[1]
    .replaceAll('`', '');

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(() => step('Build the documentation', () => buildDocs({ out: join(root, 'build/docs') })));
}
