// Finding the photo that an edited copy was made of, among a thousand others, with the packaged model.
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { crop, edits, families, practise, secondView } from '../edits.mjs';
import { NANO } from '../lineup.mjs';
import { note, percent, table } from '../report.mjs';
import { photoFiles } from '../setup.mjs';
import { cosine } from '../stats.mjs';
import { numbers } from '../vectors.mjs';

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

/** How many axes the whitenings keep; DINO's script has 256 of what is half as long as two views. */
const DIMS = { whitened: 256, views: 512 };
/** What is compared, by cosine. */
const COLUMNS = [
  { name: 'embedding', heading: 'embedding' },
  { name: 'descriptor', heading: 'copyDescriptor' },
  { name: 'whitened', heading: 'whitened' },
  { name: 'learned', heading: 'learned' },
  { name: 'views', heading: 'two views, whitened' },
  { name: 'learnedViews', heading: 'two views, learned' },
  { name: 'unseen', heading: 'two views, such edits unseen' },
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
    const descriptors = (group) =>
      copyDescriptor(
        model,
        group.map((bytes) => new Blob([bytes])),
        { normalize: false },
      );
    const describe = async (images) => {
      const descriptor = await inGroups(images, descriptors);
      const grey = await inGroups(images, async (group) =>
        descriptors(await Promise.all(group.map(secondView))),
      );
      return {
        embedding: descriptor.map((values) => values.subarray(0, model.config.dim)),
        descriptor,
        both: descriptor.map((values, i) => joined(values, grey[i])),
      };
    };
    const base = await describe([...originals, ...distractors]);
    // Fitted to photos that are neither searched for nor edited: the parts are left out, they would count twice.
    const photosOf = (name) => base[name].slice(ORIGINALS, ORIGINALS + others.length);
    const random = numbers(1).uniform;
    const lessons = []; // copies of those photos, a family of edits after the other
    for (const family of families) {
      const copies = [];
      for (const photo of others) copies.push(await practise(family, photo, random));
      lessons.push({ like: family.like, ...(await describe(copies)) });
    }
    const learn = (name, dim, from) =>
      PcaWhitening.fitCopies(
        model,
        photosOf(name),
        from.flatMap((lesson) => lesson[name]),
        { dim },
      );
    // Each way to compare: the rows that are searched, and what makes queries of copies.
    const as = (of) => ({ among: base[of], queries: (copies) => copies[of] });
    const whitenedBy = async (whitening, of) => {
      const apply = async (one) => rowsOf(await whitening.apply(one[of]));
      return { among: await apply(base), queries: apply };
    };
    const ways = {
      embedding: as('embedding'),
      descriptor: as('descriptor'),
      whitened: await whitenedBy(
        await PcaWhitening.fit(model, photosOf('descriptor'), { dim: DIMS.whitened }),
        'descriptor',
      ),
      learned: await whitenedBy(await learn('descriptor', DIMS.whitened, lessons), 'descriptor'),
      views: await whitenedBy(await PcaWhitening.fit(model, photosOf('both'), { dim: DIMS.views }), 'both'),
      learnedViews: await whitenedBy(await learn('both', DIMS.views, lessons), 'both'),
    };
    const unseen = {};
    for (const { like } of lessons) {
      const seen = lessons.filter((lesson) => lesson.like !== like);
      const way = await whitenedBy(await learn('both', DIMS.views, seen), 'both');
      for (const name of like) unseen[name] = way;
    }

    const rows = [];
    for (const [name, edit] of Object.entries(edits)) {
      const copies = await describe(await Promise.all(originals.map(edit)));
      const row = { name };
      for (const [column, { among, queries }] of Object.entries({ ...ways, unseen: unseen[name] }))
        row[column] = summary((await queries(copies)).map((query, i) => rank(query, i, among)));
      rows.push(row);
    }
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
    found.push(...(await describe(images.slice(i, i + AT_ONCE))));
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
    ...COLUMNS.map(({ heading, name }) => [
      heading,
      (row) => `${percent(row[name].first)} (${row[name].worst})`,
    ]),
  ];
  const intro =
    note(`${NANO}: ${originals} photos, each edited in ${rows.length} ways, and how often the original is the
    first of ${originals + distractors} by cosine (its worst rank). Among them are ${distractors} distractors:
    ${different} different photographs of the same collections, mostly of foods on plain ground, and
    ${distractors - different} parts of these. Whitened: PcaWhitening.fit to the ${different} photographs,
    ${DIMS.whitened} dimensions. Learned: PcaWhitening.fitCopies to them and ${families.length} edits of each, of the
    same kinds at strengths and places drawn at random. Two views: to the descriptor that of the same photo is joined,
without a plain border, grey, blurred and stretched to the full range; ${DIMS.views} dimensions. Unseen: without the family of edits
    to which that of the row belongs.`);
  return [intro, table(columns, [...rows, sum])].join('\n\n');
}
