import { VitreousError } from '../errors.js';
import type { Access } from '../settings.js';
import type { Files } from './find.js';
import { type Network, RemoteFile } from './remote.js';

const MAX_TEXT_BYTES = 1 << 24;
const RECORD_TIMEOUT_MS = 10_000;

/** The files of a model on the network, and of them in the cache. */
export function remoteFiles(network: Network, access: Access, signal: AbortSignal | undefined): Files {
  const read = (url: string, how: Access, { json = false, anew = false }) =>
    readText(new RemoteFile({ url }, network, { access: how, signal, json, anew }), url, json);
  return {
    async has(url) {
      if (access.cache !== 'own') return false;
      const manifest = await network.store?.manifest(network.key(url)).catch(() => undefined);
      return manifest?.complete === true;
    },
    async text(url, options = {}) {
      try {
        return await read(url, access, options);
      } catch (error) {
        if (error instanceof VitreousError && error.code === 'NOT_FOUND') return undefined;
        throw error;
      }
    },
    // A last part without an extension. `.dino` is none but timm's tag of the weights.
    isFolder: async (url) => {
      const { protocol, pathname } = new URL(url);
      return protocol.startsWith('http') && !/\.(?!dino$)[a-z]\w*$/i.test(pathname);
    },
    async record(url) {
      const { settings } = access;
      const stallTimeout = Math.min(settings.stallTimeout, RECORD_TIMEOUT_MS);
      const once: Access = { ...access, cache: 'none', settings: { ...settings, retries: 1, stallTimeout } };
      try {
        return JSON.parse(await read(url, once, { json: true }));
      } catch (error) {
        if (error instanceof VitreousError && error.code === 'ABORTED') throw error;
        return undefined; // most mirrors have none
      }
    },
  };
}

async function readText(file: RemoteFile, url: string, json: boolean): Promise<string> {
  let outcome: 'accepted' | 'refused' | 'stopped' = 'stopped';
  try {
    const decoder = new TextDecoder();
    let text = '';
    for await (const piece of file.bytes()) {
      text += decoder.decode(piece, { stream: true });
      if (text.length > MAX_TEXT_BYTES) {
        outcome = 'refused';
        throw new VitreousError('CHECKPOINT_OVERSIZED', `${url} is too long to be what its name says.`);
      }
    }
    text += decoder.decode();
    outcome = json && !isJson(text) ? 'refused' : 'accepted';
    return text;
  } finally {
    await file.settle(outcome);
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
