// What the snippets that run in Node find under the names that their pages take for granted (`ts given`).
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createModel } from 'vitreous';
import { root } from './pages.mjs';

/** Puts the values into the global scope. Returns what takes them away again. */
export async function give() {
  const folder = join(root, 'dist/photos');
  const photos = readdirSync(folder).map((file) => join(folder, file));
  const model = await createModel('vit_nano_patch16_224');
  const values = {
    model,
    photos,
    photo: photos[0],
    another: photos[1],
    copies: [...photos.slice(1), photos[0]],
    folder,
    labels: photos.map((_, i) => (i % 2 ? 'boat' : 'plant')),
  };
  Object.assign(globalThis, values);
  return () => {
    model.dispose();
    for (const name of Object.keys(values)) delete globalThis[name];
  };
}
