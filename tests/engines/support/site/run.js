// The steps, with the package of `?package=`, in this page or worker.
import { kinds } from './browser/kinds.js';
import { steps } from './steps/index.js';

const { searchParams } = new URL(location.href);
const [vitreous, recipes, search, exporting] = await Promise.all(
  ['index', 'recipes', 'search', 'export'].map((name) => import(`${searchParams.get('package')}${name}.js`)),
);

const image = {
  acanthus: 'fixtures/acanthus_rgb_300x401.png',
  airplane: 'fixtures/airplane_grey_320x200.png',
  boats: 'fixtures/boats_rgb_320x200.png',
};
// Where an index or a cached file is, no other page of this browser has one.
const own = searchParams.get('name');

const t = {
  vitreous,
  recipes,
  search,
  exporting,
  name: 'vit_nano_patch16_224',
  image,
  address: (name) => new URL(`files/${own}/${name}`, location.href).href,
  place: (name) => ({ name: `${own} ${name}` }),
  discard: (name) => search.ImageIndex.delete(`${own} ${name}`),
  files: () =>
    Promise.all(
      Object.values(image).map(async (src) => {
        const blob = await (await fetch(src)).blob();
        return new File([blob], src.split('/').at(-1), { type: 'image/png', lastModified: 1 });
      }),
    ),
};

/** What only browsers have. */
const own_steps = {
  /** What the model runs on. */
  info: () => ({ ...t.model.info, isolated: globalThis.crossOriginIsolated }),

  /** The embedding of each kind of image there is; `missing`: those that this browser, or its workers, cannot make. */
  async kinds() {
    const embeddings = {};
    const missing = {};
    for (const [name, make] of Object.entries({ ...kinds, HTMLVideoElement: videoOf })) {
      let made;
      try {
        made = await make(name === 'HTMLVideoElement' ? 'files/boats.webm' : image.boats);
      } catch (error) {
        missing[name] = String(error);
        continue;
      }
      embeddings[name] = Array.from(await t.model.embed(made));
      if (name === 'VideoFrame') made.close();
    }
    return { embeddings, missing };
  },
};

async function videoOf(src) {
  const video = Object.assign(document.createElement('video'), { muted: true, src });
  // At canplay Chromium now and then has no frame yet.
  await new Promise((resolve, reject) => {
    video.requestVideoFrameCallback(resolve);
    video.onerror = () => reject(new Error(video.error?.message ?? 'it cannot be played'));
    video.play().catch(reject);
  });
  video.pause();
  return video;
}

export const run = (step) => ({ ...own_steps, ...steps })[step](t);
