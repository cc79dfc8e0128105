// The engine's document, never seen: the model, and an index in IndexedDB of all images that were collected.
import { createModel } from 'vitreous';
import { ImageIndex } from 'vitreous/search';

const MODEL = 'vit_nano_patch16_224';
const THUMBNAIL_SIDE = 200;

let opened;
/** The index with its model; after an error the next call tries again. */
function openIndex() {
  opened ??= createModel(MODEL, { numClasses: 0 }).then((model) =>
    ImageIndex.open({ name: 'images', model }),
  );
  opened.catch(() => {
    opened = undefined;
  });
  return opened;
}

const requests = {
  /** Puts images into the index; those that it has are noted to be on this page too. */
  async collect({ images, page }) {
    const index = await openIndex();
    const urls = [...new Set(images)];
    let failed = 0;
    for (const [done, url] of urls.entries()) {
      tell({ type: 'progress', done, total: urls.length });
      await collectOne(index, url, page).catch(() => failed++); // a broken image is not the end of the others
    }
    tell({ type: 'collected', failed, total: urls.length });
  },

  /** What is like an image, on one page or anywhere; without an image what was collected last. */
  async search({ image, page }) {
    const index = await openIndex();
    const filter = page ? { pages: page } : undefined;
    if (image === undefined) {
      const ids = [...index.ids()].filter((id) => !page || index.metadata(id).pages.includes(page));
      return ids.reverse().map((id) => ({ id, ...index.metadata(id) }));
    }
    const query = index.has(image) ? { id: image } : await fetchImage(image);
    const results = await index.search(query, { k: 60, filter });
    return results.map(({ id, score, metadata }) => ({ id, score, ...metadata }));
  },

  async forget() {
    await (await openIndex()).clear();
  },
};

async function collectOne(index, url, page) {
  const known = await index.get(url);
  const pages = [...new Set([...(known?.metadata.pages ?? []), page.url])];
  if (known) {
    if (pages.length > known.metadata.pages.length)
      await index.upsert({ id: url, vector: known.vector, metadata: { ...known.metadata, pages } });
    return;
  }
  const image = await fetchImage(url);
  const metadata = { title: page.title, pages, thumbnail: await thumbnailOf(image) };
  await index.upsert({ id: url, image, metadata });
}

/** With the host permissions of the manifest, from any site. */
async function fetchImage(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}.`);
  return response.blob();
}

/** A small picture as a data: URL, to show without asking the site again. */
async function thumbnailOf(image) {
  const bitmap = await createImageBitmap(image);
  const scale = Math.min(1, THUMBNAIL_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = new OffscreenCanvas(Math.ceil(bitmap.width * scale), Math.ceil(bitmap.height * scale));
  canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const blob = await canvas.convertToBlob({ type: 'image/webp', quality: 0.8 });
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(blob);
  });
}

/** To the results pages, if one is open. */
const tell = (message) => chrome.runtime.sendMessage({ to: 'results', ...message }).catch(() => {});

chrome.runtime.onMessage.addListener(({ to, type, ...request }, _sender, respond) => {
  if (to !== 'engine') return false;
  requests[type](request).then(
    (result) => respond({ result }),
    (error) => {
      respond({ error: error.message });
      if (type === 'collect') tell({ type: 'failed', error: error.message });
    },
  );
  return true; // the answer comes later
});
