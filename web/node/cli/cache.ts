import { deleteFromCache, listCache } from 'vitreous';
import { print, UsageError } from './model.js';

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

/** `vitreous cache list`, `vitreous cache clear [NAME|URL]` */
export async function cache(words: string[]): Promise<number> {
  const [action, nameOrUrl, ...rest] = words;
  if (action === 'list' && nameOrUrl === undefined) {
    for (const { url, bytes, size, complete } of await listCache()) {
      const part = complete ? '' : ` of ${size === undefined ? 'unknown' : megabytes(size)}, a part`;
      await print(`${url}  ${megabytes(bytes)}${part}\n`);
    }
    return 0;
  }
  if (action === 'clear' && rest.length === 0) {
    await print(`${megabytes(await deleteFromCache(nameOrUrl))} freed\n`);
    return 0;
  }
  throw new UsageError('vitreous cache takes list, or clear and at most one NAME or URL.');
}
