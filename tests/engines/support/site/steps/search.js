// Search by image, and the way out, as model.js has the model.
import { about, clumps, codeOf } from './values.js';

const found = (results) => results.map(({ id, score }) => ({ id, score }));

export async function images(t) {
  const { ImageIndex } = t.search;
  const index = await ImageIndex.create({ model: t.small });
  const all = Object.entries(t.image);
  await index.add(all.map(([id, image]) => ({ id, image, metadata: { letters: id.length } })));
  await index.upsert({ id: 'airplane', vector: t.embedding.airplane, metadata: { letters: 0 } });
  const region = { x: 20, y: 10, width: 280, height: 180 };
  const result = {
    size: index.size,
    image: found(await index.search(t.image.boats)),
    region: found(await index.search(t.image.boats, { region, k: 2 })),
    entry: found(await index.search({ id: 'boats' }, { filter: (_, id) => id !== 'boats' })),
    unlike: found(await index.search([{ id: 'boats' }, { image: t.image.airplane, weight: -0.5 }])),
    filtered: found(await index.search(t.embedding.boats, { filter: { letters: { lt: 6 } } })),
    many: (await index.searchMany([t.embedding.boats, t.embedding.airplane], { k: 1 })).map(found),
    again: await codeOf(index.add({ id: 'boats', vector: t.embedding.boats })),
    removed: await index.remove('boats'),
    has: index.has('boats'),
  };
  await index.close();
  return { ...result, closed: await codeOf(index.search(t.image.boats)) };
}

/** It is there after it was closed; one writes, another reads. */
export async function kept(t) {
  const { ImageIndex } = t.search;
  const index = await ImageIndex.open({ ...t.place('photos'), model: t.small });
  await index.add({ id: 'boats', image: t.image.boats, metadata: { year: 2024 } });
  const locked = await codeOf(ImageIndex.open({ ...t.place('photos'), model: t.small }));
  const reader = await ImageIndex.open({ ...t.place('photos'), model: t.small, readOnly: true });
  const seen = reader.size;
  await reader.close();
  await index.close();
  const mismatch = await codeOf(ImageIndex.open({ ...t.place('photos'), model: t.int8 }));
  const again = await ImageIndex.open({ ...t.place('photos'), model: t.small });
  const result = { locked, seen, mismatch, size: again.size, metadata: again.metadata('boats') };
  const copy = await ImageIndex.load(await again.saveBlob(), { model: t.small });
  result.copied = found(await copy.search(t.embedding.boats));
  await Promise.all([again.close(), copy.close()]);
  await t.discard('photos');
  return result;
}

/** Without a model, on an engine of its own. */
export async function vectors(t) {
  const { ImageIndex } = t.search;
  const all = clumps(200, 16, 4);
  const index = await ImageIndex.create({ dim: 16, storage: 'int8' });
  await index.add(all.map((vector, i) => ({ id: `v${i}`, vector })));
  await index.add({ id: 'twin', vector: all[7] });
  const query = Float32Array.from(all[7]);
  const exact = found(await index.search(query, { k: 3 }));
  await index.train({ lists: 4 });
  const trained = found(await index.search(query, { k: 3, exact: true }));
  const approximate = found(await index.search(query, { k: 2 }));
  const duplicates = (await index.duplicates({ minScore: 0.99999 })).map(({ a, b }) => [a, b]);
  const groups = await index.duplicateGroups({ minScore: 0.99999 });
  const { clusters, noise } = await index.clusters({ minClusterSize: 20 });
  const { ids, coordinates } = await index.map({ method: 'pca' });
  const [x, y] = coordinates.data;
  const entry = await index.get('twin');
  await index.compact();
  const saved = await index.save();
  await index.close();
  return {
    exact,
    trained,
    approximate,
    duplicates,
    groups,
    clusters: clusters.map((cluster) => about(cluster.ids.length, 10)),
    noise: about(noise.length, 20),
    map: [ids.length, coordinates.shape, Math.abs(x), Math.abs(y)],
    vector: Array.from(entry.vector),
    saved: about(saved.length, 4096),
  };
}

export async function folder(t) {
  const { ImageIndex, indexFolder } = t.search;
  if (!t.files) return 'browsers only';
  const index = await ImageIndex.create({ model: t.small });
  const files = await t.files();
  const run = async (list) => {
    const { failed, ...counts } = await indexFolder(index, list);
    return { ...counts, failed: failed.map(({ id, error }) => [id, error.code]) };
  };
  const result = [await run([...files, new File(['no picture'], 'bad.jpg', { type: 'image/jpeg' })])];
  result.push(await run(files.slice(0, 1)));
  await index.close();
  return result;
}

export async function wayOut(t) {
  const { ImageIndex } = t.search;
  const { EXPORT_FORMATS, exportIndex, importIndex } = t.exporting;
  const index = await ImageIndex.create({ dim: 8 });
  await index.add(clumps(10, 8, 2).map((vector, i) => ({ id: `v${i}`, vector, metadata: { i } })));
  const files = {};
  for (const format of EXPORT_FORMATS) {
    for (const file of exportIndex(index, format)) files[file.name] = await file.toBlob();
  }
  const copy = await ImageIndex.create({ dim: 8 });
  const came = [await importIndex(copy, { parquet: files['index.parquet'] })];
  await copy.clear();
  came.push(await importIndex(copy, { npy: files['vectors.npy'], jsonl: files['entries.jsonl'] }));
  const [a, b] = [await index.get('v3'), await copy.get('v3')];
  await Promise.all([index.close(), copy.close()]);
  return {
    sizes: Object.entries(files).map(([name, { size }]) => [name, size]),
    came,
    same: a.vector.every((value, i) => value === b.vector[i]),
    metadata: b.metadata,
  };
}
