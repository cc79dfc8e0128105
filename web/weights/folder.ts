import type { ModelFolder } from '../create.js';
import { VitreousError } from '../errors.js';
import { fetchOk } from './fetch.js';

/** An http URL whose last part has no extension is a folder in timm-hub layout; undefined for a file. */
export async function fetchFolder(
  url: URL,
  signal: AbortSignal | undefined,
): Promise<ModelFolder | undefined> {
  if (!url.protocol.startsWith('http') || /\.[a-z]+$/i.test(url.pathname)) return undefined;
  const folder = new URL(url);
  if (!folder.pathname.endsWith('/')) folder.pathname += '/';
  const options = { cache: true, signal };
  const config = await fetchOk(new URL('config.json', folder).href, options);
  const labels = await fetchOk(new URL('labels.txt', folder).href, options).catch((error: VitreousError) => {
    if (error.code === 'HTTP_STATUS') return undefined; // labels are optional
    throw error;
  });
  return {
    config: parseJson(await config.text(), `${folder}config.json`),
    labels: await labels?.text(),
    weights: new URL('model.safetensors', folder),
  };
}

export function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new VitreousError('CHECKPOINT_FORMAT', `${name} is not JSON.`, { cause });
  }
}
