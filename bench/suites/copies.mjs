// Finding the photo that an edited copy was made of, among a thousand others, with the packaged model.
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { crop, edits, greyAndBlurred } from '../edits.mjs';
import { NANO } from '../lineup.mjs';
import { note, percent, table } from '../report.mjs';
import { photoFiles } from '../setup.mjs';
import { cosine } from '../stats.mjs';

export const title = 'Copy detection';

const LONGEST = 480; // pixels of a side: photos come as the web has them
const ORIGINALS = 20;
const DISTRACTORS = 1000;
/** Where there are too few photos, these parts of them are distractors too. */
const PARTS = [
  [0, 0, 0.6, 0.6],
  [0.4, 0.4, 1, 1],
  [0.4, 0, 1, 0.6],
  [0, 0.4, 0.6, 1],
];
const AT_ONCE = 16;

/** What is whitened, by its name then. */
const WHITENED = { whitened: 'descriptor', views: 'both' };
const COLUMNS = [
  { name: 'embedding', heading: 'embedding' },
  { name: 'descriptor', heading: 'copyDescriptor' },
  { name: 'whitened', heading: 'whitened' },
  { name: 'views', heading: 'with a grey view' },
];

export async function run({ quick }) {
  const [{ createModel }, { copyDescriptor, PcaWhitening }] = await Promise.all([
    import('../../dist/node.mjs'),
    import('../../dist/node-recipes.mjs'),
  ]);
  const model = await createModel(NANO);
  try {
    const photos = await differentPhotos(quick ? 60 : undefined);
    // Spread over the collection: neighbours in it are alike.
    const every = photos.length / ORIGINALS;
    const chosen = new Set(Array.from({ length: ORIGINALS }, (_, i) => Math.floor(i * every)));
    const originals = photos.filter((_, i) => chosen.has(i));
    const others = photos.filter((_, i) => !chosen.has(i));
    const distractors = [...others];
    for (const part of PARTS) {
      for (const photo of others)
        if (distractors.length < DISTRACTORS) distractors.push(await crop(photo, part));
    }

    // A descriptor begins with the CLS token, which is the embedding.
    const describe = async (images) => {
      const descriptor = await inGroups(images, (group) =>
        copyDescriptor(model, group, { normalize: false }),
      );
      const embedding = descriptor.map((values) => values.subarray(0, model.config.dim));
      const views = await Promise.all(images.map(greyAndBlurred));
      const other = await inGroups(views, (group) => model.embed(group));
      return { embedding, descriptor, both: descriptor.map((values, i) => joined(values, other[i])) };
    };
    const base = await describe([...originals, ...distractors]);
    // To photos that are neither searched for nor edited: the parts are left out, they would count twice.
    const whitenings = {};
    for (const of of Object.values(WHITENED))
      whitenings[of] = await PcaWhitening.fit(model, base[of].slice(ORIGINALS, ORIGINALS + others.length));
    const whitened = async (one) => {
      for (const [name, of] of Object.entries(WHITENED))
        one[name] = rowsOf(await whitenings[of].apply(one[of]));
      return one;
    };
    await whitened(base);
    const ranksOf = (one) =>
      Object.fromEntries(
        COLUMNS.map(({ name }) => [name, summary(one[name].map((query, i) => rank(query, i, base[name])))]),
      );
    const rows = [];
    for (const [name, edit] of Object.entries(edits))
      rows.push({ name, ...ranksOf(await whitened(await describe(await Promise.all(originals.map(edit))))) });
    return { originals: ORIGINALS, different: others.length, distractors: distractors.length, rows };
  } finally {
    model.dispose();
  }
}

/** Each photo once, as PNG. */
async function differentPhotos(most = Number.POSITIVE_INFINITY) {
  const photos = new Map();
  for (const file of photoFiles().sort()) {
    if (photos.size >= most) break;
    const resized = sharp(file)
      .rotate()
      .resize(LONGEST, LONGEST, { fit: 'inside', withoutEnlargement: true });
    const { data, info } = await resized
      .removeAlpha()
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    const digest = createHash('sha256').update(data).digest('hex');
    if (!photos.has(digest)) photos.set(digest, await sharp(data, { raw: info }).png().toBuffer());
  }
  return [...photos.values()];
}

async function inGroups(images, describe) {
  const found = [];
  for (let i = 0; i < images.length; i += AT_ONCE) {
    const group = images.slice(i, i + AT_ONCE).map((bytes) => new Blob([bytes]));
    found.push(...(await describe(group)));
  }
  return found;
}

const rowsOf = ({ data, shape: [count, dim] }) =>
  Array.from({ length: count }, (_, i) => data.subarray(i * dim, (i + 1) * dim));

const joined = (a, b) => Float32Array.from([...a, ...b]);

/** The place of row `own` among all, by cosine: 1 is the first. */
function rank(query, own, among) {
  const score = cosine(query, among[own]);
  return 1 + among.filter((other, i) => i !== own && cosine(query, other) >= score).length;
}

/** Of ranks: how many are the first, and the last of them. */
const summary = (ranks) => ({
  first: ranks.filter((place) => place === 1).length / ranks.length,
  worst: Math.max(...ranks),
});

export function render({ originals, different, distractors, rows }) {
  const all = (name) => ({
    first: rows.reduce((sum, row) => sum + row[name].first, 0) / rows.length,
    worst: Math.max(...rows.map((row) => row[name].worst)),
  });
  const sum = {
    name: 'all',
    ...Object.fromEntries(COLUMNS.map(({ name }) => [name, all(name)])),
  };
  const columns = [
    ['the edit', ({ name }) => name],
    ...COLUMNS.flatMap(({ heading, name }) => [
      [`${heading}: first`, (row) => percent(row[name].first)],
      ['worst rank', (row) => `${row[name].worst}`],
    ]),
  ];
  const intro =
    note(`${NANO}: ${originals} photos, each edited in ${rows.length} ways, and how often the original is the
    first of ${originals + distractors} by cosine. Among them are ${distractors} distractors: ${different} different
    photographs of the same collections, mostly of foods on plain ground, and ${distractors - different} parts of these.
    The whitening (256 dimensions) was fitted to the ${different} photographs. With a grey view: to the descriptor the
    embedding of the same photo is joined, made grey, blurred and stretched to the full range, and both are whitened
    together.`);
  return [intro, table(columns, [...rows, sum])].join('\n\n');
}
