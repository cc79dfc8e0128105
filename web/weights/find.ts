// From a name or an address to the files of a model. It runs where the engine is, beside the cache.
import { VitreousError } from '../errors.js';
import type { Access } from '../settings.js';
import type { FileAddress } from './transfer.js';

/** A model on the hub, or what is at an address: a checkpoint, an index of several, a folder in timm-hub layout. */
export type FindRequest = { repo: string; revision: string } | { url: string };

export interface Found {
  files: FileAddress[];
  /** `model.safetensors.index.json`, where that may stand for a missing model.safetensors. */
  index?: string;
  config?: { json: unknown; url: string };
  labels?: string;
}

/** How files are looked at before they are loaded; each platform has its own. */
export interface Files {
  /** Whether the file is here, whole: known without asking the network. */
  has(url: string): Promise<boolean>;
  /**
   * A text of a few pages, such as a config.json; undefined if there is no such file. `anew`: from the network, though it
   * may be kept. What is kept is held to no digest, and may be what made an earlier load fail: it counts only together
   * with its checkpoint.
   */
  text(url: string, options?: { json?: boolean; anew?: boolean }): Promise<string | undefined>;
  isFolder(url: string): Promise<boolean>;
  /** The config.json that a checkpoint carries in itself, where it can be looked at beforehand. */
  embedded?(url: string): Promise<unknown>;
  /** What a hub knows of a repository's files; undefined where nothing answers. */
  record(url: string): Promise<unknown>;
}

const MODEL = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';

export async function find(request: FindRequest, files: Files, { settings }: Access): Promise<Found> {
  if ('repo' in request) {
    const { repo, revision } = request;
    const at = (file: string) => hubUrl({ repo, revision, file }, settings);
    return (await findHere(at, files)) ?? findOnHub(request, at, files, settings.hub);
  }
  const { url } = request;
  if (new URL(url).pathname.endsWith('.index.json')) {
    return { files: (await shardsHere(url, files)) ?? (await shards(url, files)) };
  }
  if (!(await files.isFolder(url))) {
    const json = await files.embedded?.(url);
    return { files: [{ url }], ...(json !== undefined && { config: { json, url } }) };
  }
  return findInFolder(url, files);
}

/** The address of a file on the hub. */
export function hubUrl(
  parts: { repo: string; revision: string; file: string },
  { hub, hubPath }: { hub: string; hubPath: string },
): string {
  const path = hubPath.replace(/\{(repo|revision|file)\}/g, (_, part) => parts[part as keyof typeof parts]);
  return `${hub.replace(/\/$/, '')}/${path.replace(/^\//, '')}`;
}

/** A model whose checkpoint is here already: nobody is asked, also not for what else there might be. */
async function findHere(at: (file: string) => string, files: Files): Promise<Found | undefined> {
  let parts: FileAddress[] | undefined;
  if (await files.has(at(MODEL))) parts = [{ url: at(MODEL) }];
  else parts = await shardsHere(at(INDEX), files);
  if (parts === undefined) return undefined;
  const config = (await files.has(at('config.json'))) ? await readJson(at('config.json'), files) : undefined;
  const labels = (await files.has(at('labels.txt'))) ? await files.text(at('labels.txt')) : undefined;
  return { files: parts, ...(config && { config }), ...(labels !== undefined && { labels }) };
}

async function findOnHub(
  { repo, revision }: { repo: string; revision: string },
  at: (file: string) => string,
  files: Files,
  hub: string,
): Promise<Found> {
  const [config, record] = await Promise.all([
    readJson(at('config.json'), files, { anew: true }),
    files.record(`${hub.replace(/\/$/, '')}/api/models/${repo}/revision/${revision}?blobs=true`),
  ]);
  const recorded = parseRecord(record);
  const known = ({ url }: FileAddress, file: string): FileAddress => ({ url, ...recorded?.get(file) });
  const rest = config && { config };
  if (recorded === undefined) return { files: [{ url: at(MODEL) }], index: at(INDEX), ...rest };
  if (recorded.has(INDEX) && !recorded.has(MODEL)) {
    const parts = await shards(at(INDEX), files);
    return { files: parts.map((part) => known(part, part.url.slice(at('').length))), ...rest };
  }
  return { files: [known({ url: at(MODEL) }, MODEL)], ...rest };
}

async function findInFolder(url: string, files: Files): Promise<Found> {
  const folder = new URL(url);
  if (!folder.pathname.endsWith('/')) folder.pathname += '/';
  const at = (file: string) => new URL(file, folder).href;
  const here = await findHere(at, files);
  if (here?.config) return here;
  const config = await readJson(at('config.json'), files, { anew: true });
  if (config === undefined) {
    throw new VitreousError(
      'NOT_FOUND',
      `${url} has no config.json: it is not a folder in timm-hub layout. Give the address of a checkpoint, or add the file.`,
    );
  }
  const labels = await files.text(at('labels.txt'), { anew: true });
  return {
    files: [{ url: at(MODEL) }],
    index: at(INDEX),
    config,
    ...(labels !== undefined && { labels }),
  };
}

/** The files that an index names, beside it. */
export async function shards(index: string, files: Files): Promise<FileAddress[]> {
  return parseIndex(await readJson(index, files, { anew: true }), index);
}

/** They too, if the index and all that it names are here. */
async function shardsHere(index: string, files: Files): Promise<FileAddress[] | undefined> {
  if (!(await files.has(index))) return undefined;
  try {
    const all = parseIndex(await readJson(index, files), index);
    const here = await Promise.all(all.map(({ url }) => files.has(url)));
    return here.every(Boolean) ? all : undefined;
  } catch {
    return undefined; // the one that is kept is none
  }
}

function parseIndex(found: Found['config'], index: string): FileAddress[] {
  if (found === undefined) throw new VitreousError('NOT_FOUND', `There is no ${index}. Check the address.`);
  const map = (found.json as { weight_map?: unknown } | null)?.weight_map;
  const names = typeof map === 'object' && map !== null ? [...new Set(Object.values(map))] : [];
  // Plain names only: an index must not lead to another folder or host.
  const bad = names.find((name) => typeof name !== 'string' || !/^[\w-][\w.-]*$/.test(name));
  if (names.length === 0 || bad !== undefined) {
    const problem = bad === undefined ? 'has no weight_map' : `names a file ${JSON.stringify(bad)}`;
    throw new VitreousError(
      'CHECKPOINT_FORMAT',
      `${index} ${problem}; it should be the index of a safetensors checkpoint in several files.`,
    );
  }
  return names.sort().map((name) => ({ url: new URL(name, index).href }));
}

async function readJson(url: string, files: Files, { anew = false } = {}): Promise<Found['config']> {
  const text = await files.text(url, { json: true, anew });
  return text === undefined ? undefined : { json: parseJson(text, url), url };
}

/** @throws `CHECKPOINT_FORMAT` naming the file */
export function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new VitreousError('CHECKPOINT_FORMAT', `${name} is not JSON.`, { cause });
  }
}

/** Sizes and digests by file, from the hub's `siblings: [{ rfilename, size, lfs: { sha256, size } }]`. */
function parseRecord(json: unknown): Map<string, { size?: number; sha256?: string }> | undefined {
  const { siblings } = (json ?? {}) as { siblings?: unknown };
  if (!Array.isArray(siblings)) return undefined;
  return new Map(
    siblings.map((sibling) => {
      const { rfilename, size, lfs } = sibling ?? {};
      const bytes = lfs?.size ?? size;
      const digest = lfs?.sha256;
      return [
        String(rfilename),
        {
          ...(Number.isSafeInteger(bytes) && { size: bytes }),
          ...(/^[0-9a-f]{64}$/.test(digest) && { sha256: digest }),
        },
      ];
    }),
  );
}
