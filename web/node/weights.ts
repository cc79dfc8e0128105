// Where weights come from in Node: files, and the network with its cache in a folder.
import { createHash } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Source } from '../engine/backend.js';
import type { ByteSource } from '../engine/engine.js';
import { VitreousError } from '../errors.js';
import type { Access } from '../settings.js';
import { chunks } from '../weights/chunks.js';
import type { Files } from '../weights/find.js';
import type { Hash } from '../weights/hash.js';
import { type Network, RemoteFile } from '../weights/remote.js';
import { remoteFiles } from '../weights/remote_files.js';
import { sniffed, sniffedSource } from '../weights/sniff.js';
import { keyUrl, warnNoCache } from '../weights/store.js';
import { embeddedConfig } from './metadata.js';
import { folderStore } from './store.js';

const PIECE_BYTES = 1 << 20;

/** A URL as it is, a path as a file URL. */
export const addressOf = (place: string | URL) =>
  /^(https?|file|data|blob):/.test(String(place)) ? String(place) : pathToFileURL(String(place)).href;

export async function nodeNetwork(): Promise<Network> {
  const key = (url: string) => createHash('sha256').update(keyUrl(url)).digest('hex').slice(0, 32);
  const store = await folderStore().catch((error) => {
    warnNoCache(error);
    return undefined;
  });
  return { store, sha256, key };
}

function sha256(): Hash {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.copy().digest('hex') };
}

/** The files of a checkpoint from URLs, paths, or what is in memory. */
export async function openWeights(
  weights: Source,
  access: Access,
  signal: AbortSignal | undefined,
): Promise<ByteSource[]> {
  if (!Array.isArray(weights)) return [sniffedSource(chunks(weights, signal))];
  const network = await nodeNetwork();
  return Promise.all(
    weights.map((file) =>
      isLocal(file.url) ? openFile(file.url) : new RemoteFile(file, network, { access, signal }),
    ),
  );
}

/** The files of a model in a local folder or on the network. */
export async function nodeFiles(access: Access, signal: AbortSignal | undefined): Promise<Files> {
  const remote = remoteFiles(await nodeNetwork(), access, signal);
  return {
    has: async (url) => (isLocal(url) ? (await kindOf(url)) === 'file' : remote.has(url)),
    async text(url, options) {
      if (!isLocal(url)) return remote.text(url, options);
      return (await kindOf(url)) === 'file' ? readFile(fileURLToPath(url), 'utf8') : undefined;
    },
    async isFolder(url) {
      if (!isLocal(url)) return remote.isFolder(url);
      const kind = await kindOf(url);
      if (kind === undefined) throw missing(url);
      return kind === 'folder';
    },
    embedded: async (url) => (isLocal(url) ? embeddedConfig(fileURLToPath(url)) : undefined),
    record: remote.record,
  };
}

const isLocal = (url: string) => url.startsWith('file:');

async function kindOf(url: string): Promise<'file' | 'folder' | undefined> {
  const found = await stat(fileURLToPath(url)).catch(() => undefined);
  return found && (found.isDirectory() ? 'folder' : 'file');
}

const missing = (url: string) =>
  new VitreousError('INVALID_ARGUMENT', `There is no file or folder ${fileURLToPath(url)}.`);

async function openFile(url: string): Promise<ByteSource> {
  const path = fileURLToPath(url);
  const found = await stat(path).catch(() => {
    throw missing(url);
  });
  return { bytes: () => sniffed(readPieces(path), path), size: found.size };
}

/** A file through one buffer: each piece is valid until the next one is asked for. */
export async function* readPieces(path: string) {
  const file = await open(path);
  try {
    const buffer = new Uint8Array(PIECE_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, PIECE_BYTES, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
