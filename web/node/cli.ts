// The command `vitreous`. Results go to stdout or -o, everything else to stderr; exit 1 when something failed, 2 for
// a command line that makes no sense.
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { toVitreousError } from '../errors.js';
import { cache } from './cli/cache.js';
import { classify } from './cli/classify.js';
import { convert } from './cli/convert.js';
import { embed } from './cli/embed.js';
import { exportCommand } from './cli/export.js';
import { importCommand } from './cli/import.js';
import { index } from './cli/index.js';
import { info } from './cli/info.js';
import { UsageError } from './cli/model.js';
import { models } from './cli/models.js';
import { search } from './cli/search.js';

const HELP = `vitreous: the DINO Vision Transformer on this machine

  vitreous embed FILE…      the embedding of each image
      --normalize             scaled to length 1
      --format jsonl|npy      jsonl (default): one line an image, {"file", "dim", "embedding"}; npy: (images, dim)
      -o, --output FILE       write there instead of to the standard output
      -                       as a FILE: the names come by the standard input, one a line, and each result goes out at once
      -0, --null              there they end with a NUL, as find -print0 writes them
      --errors-inline         jsonl: for a FILE that fails a line {"file", "error": {"code", "message"}}, and exit 0
  vitreous index DIR… -o FILE
                            the embeddings of all images in folders, as an index to search; once more, only what has changed;
                            what was stopped goes on where it was
      -o, --output FILE       the index
      --processes N           that decode and embed, each with its own model; by default one for each core, where there are
                              images enough; 1 with --threads
  vitreous search FILE IMAGE
                            the images of an index that are most like one, each with its cosine
      -k N                    how many, 10 by default
      --json                  one line an image, {"file", "score"}
  vitreous export INDEX --format npy|parquet|pgvector|qdrant
                            an index for NumPy, pandas, PostgreSQL, Qdrant (docs/export.md)
      -o, --output PATH       parquet, pgvector: the file, by default the standard output; npy, qdrant: the folder of two files
      --table NAME            pgvector: of the table, vitreous by default
  vitreous import FILE… -o INDEX
                            FILE is a .parquet, or a .npy and its .jsonl; into a new index, or one that is there
      -o, --output INDEX      the index
      --model …               the model that made the vectors; otherwise the index knows of none, and searches by vectors only
      --metric cosine|dot     of a new index
      --replace               entries of the same ids, instead of refusing them
  vitreous classify FILE…   the most probable classes
      -k N                    how many, 5 by default
      --head FILE             a classifier of its own, for example DINO's dino_vitbase16_linearweights.pth
      --json                  one line an image, {"file", "classes": [{"index", "label", "probability"}]}
  vitreous convert IN OUT   a smaller checkpoint: the model IN (NAME, DIR or FILE) as a new folder OUT that is ready to host;
                            both are run on photos, and the cosine of their embeddings is printed
      --dtype fp16|int8       half or a quarter of fp32's size
      --photos FILE…          other photos than the package's own; must come last
      --force                 write into OUT even if it has other files in it
  vitreous info             configuration, tensors, parameters, memory, wasm variant; of a model whose weights are not here
                            what is known without them
      --json
  vitreous models [PATTERN] the models that have a name, with parameters, input size and licence of the weights; * is any text
      --json
  vitreous cache list       what was downloaded and kept (in VITREOUS_CACHE, else the user's cache folder)
  vitreous cache clear [NAME|URL]

  For all that run a model
      --model NAME|DIR|FILE   a model's name, a folder in timm-hub layout, or a checkpoint, on disk or by its URL; the packaged
                              vit_nano_patch16_224 by default: a stand-in for trying things, not the DINO model
      --arch NAME             timm's name of the architecture, where a checkpoint FILE does not say
      --dtype fp32|int8       arithmetic of the linear layers; int8 takes half the time and a quarter of the memory
      --threads N
      --img-size N|HxW        another input size, in whole patches
      --preprocess NAME       dino-eval, huggingface, squash, pad or no-crop, instead of the model's own preparation
  vitreous --help, vitreous --version
`;

const options = {
  model: { type: 'string' },
  arch: { type: 'string' },
  'img-size': { type: 'string' },
  preprocess: { type: 'string' },
  dtype: { type: 'string' },
  threads: { type: 'string' },
  normalize: { type: 'boolean' },
  format: { type: 'string' },
  output: { type: 'string', short: 'o' },
  head: { type: 'string' },
  k: { type: 'string', short: 'k' },
  json: { type: 'boolean' },
  photos: { type: 'string', multiple: true },
  force: { type: 'boolean' },
  null: { type: 'boolean', short: '0' },
  'errors-inline': { type: 'boolean' },
  table: { type: 'string' },
  metric: { type: 'string' },
  processes: { type: 'string' },
  replace: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} satisfies ParseArgsConfig['options'];

const parse = () => parseArgs({ options, allowPositionals: true });
export type Flags = ReturnType<typeof parse>['values'];

// What each command takes besides the options of all of them.
const commands = {
  embed: { run: embed, flags: ['normalize', 'format', 'output', 'null', 'errors-inline'] },
  classify: { run: classify, flags: ['k', 'head', 'json'] },
  index: { run: index, flags: ['output', 'processes'] },
  search: { run: search, flags: ['k', 'json'] },
  export: { run: exportCommand, flags: ['format', 'output', 'table'] },
  import: { run: importCommand, flags: ['output', 'metric', 'replace'] },
  convert: { run: convert, flags: ['photos', 'force'] },
  info: { run: info, flags: ['json'] },
  models: { run: models, flags: ['json'] },
  cache: { run: cache, flags: [] },
};
const common = ['model', 'arch', 'dtype', 'threads', 'img-size', 'preprocess'];

async function main(): Promise<number> {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const { values, positionals } = parsed;
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values.version) {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  const [name, ...files] = positionals;
  const command = Object.hasOwn(commands, name ?? '') ? commands[name as keyof typeof commands] : undefined;
  if (command === undefined) {
    throw new UsageError(name === undefined ? 'No command was given.' : `There is no command '${name}'.`);
  }
  const foreign = Object.keys(values).find((flag) => !common.includes(flag) && !command.flags.includes(flag));
  if (foreign) throw new UsageError(`vitreous ${name} has no option --${foreign}.`);
  return command.run(files, values);
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0); // the reader has seen enough: `vitreous embed … | head`
  throw error;
});

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`vitreous: ${error.message} See vitreous --help.\n`);
    process.exitCode = 2;
  } else {
    const { code, message } = toVitreousError(error);
    process.stderr.write(`vitreous: ${message} [${code}]\n`);
    process.exitCode = 1;
  }
}
