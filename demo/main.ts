import { VitreousError } from 'vitreous';
import { AttentionCache } from './attention.js';
import { announce, byId, element, plural } from './dom.js';
import { Embedder } from './embedder.js';
import { fetchSamples, fromDrop, fromInput, type Picked, sampleSources } from './files.js';
import { fullName, Grid } from './grid.js';
import { Inspector } from './inspector.js';
import { MeasurePanel } from './measure-panel.js';
import { ModelPanel } from './model-panel.js';
import { Collection, type Photo, rank } from './photos.js';

// While vectors come in, a ranking is sorted anew at most this often.
const REORDER_MS = 300;

const collection = new Collection();
const attention = new AttentionCache();
let query: Photo | undefined;
let loading: string | undefined;
let reordering = false;

const embedder = new Embedder(collection, {
  onPhoto(photo) {
    if (!collection.photos.includes(photo)) {
      if (photo === query) query = undefined;
      showOrder();
      showSkipped();
    } else grid.update(photo);
    if (query && photo.embedding) reorderSoon();
    if (photo === inspector.photo) inspector.show(photo);
    showStatus();
  },
  onChange() {
    showStatus();
  },
});

const inspector = new Inspector(attention, () => embedder.model?.dataConfig);

const grid = new Grid({
  onOpen: (photo) => compareWith(photo),
  onPoint(photo, card) {
    inspector.point(photo, card);
    // A photo that was clicked stays in the panel, so that the pointer can travel there.
    if (photo && !query) inspector.show(photo);
  },
});

const models = new ModelPanel({
  onModel(model) {
    const old = embedder.model;
    embedder.use(model);
    attention.use(model);
    inspector.forgetMaps();
    old?.dispose();
    showOrder();
    for (const photo of collection.photos) grid.update(photo);
    announce(`${model.config.name} is ready.`);
    embed();
  },
  onStatus(text) {
    loading = text;
    showStatus();
  },
});

new MeasurePanel(() => models.inUse);

/** Ranks the others by their similarity to this photo. */
function compareWith(photo: Photo): void {
  query = photo;
  showOrder(true);
  inspector.show(photo);
  const others = collection.embedded - (photo.embedding ? 1 : 0);
  announce(`${plural(others, 'photo')} ranked by similarity to ${fullName(photo)}. Escape returns.`);
  const columns = byId('columns');
  if (columns.getBoundingClientRect().top < 0) columns.scrollIntoView();
}

function showAll(): void {
  const last = query;
  query = undefined;
  showOrder(true);
  announce('All photos, in the order in which they came.');
  if (last && collection.photos.includes(last)) grid.focus(last);
}

function add({ sources, checkpoint, skipped }: Picked): void {
  const fromIntro = byId('intro').contains(document.activeElement);
  collection.skipped.push(...skipped);
  const [first] = collection.add(sources);
  if (checkpoint) models.offer(checkpoint);
  showOrder();
  // The button that was pressed is gone now; the keyboard goes on at the first photo.
  if (first && fromIntro) grid.focus(first);
  showSkipped();
  embed();
}

async function embed(): Promise<void> {
  if (embedder.running || !embedder.model || embedder.waiting === 0) return showStatus();
  await embedder.run();
  if (embedder.failure) showNotice(embedder.failure);
  else if (embedder.waiting === 0) announce(`${plural(collection.embedded, 'photo')} embedded.`);
}

async function addSamples(): Promise<void> {
  try {
    add({ sources: sampleSources(await fetchSamples()), skipped: [] });
  } catch (error) {
    showNotice(error as Error);
  }
}

function clear(): void {
  embedder.cancel();
  collection.clear();
  attention.clear();
  query = undefined;
  inspector.show(undefined);
  showOrder();
  showSkipped();
  showStatus();
  announce('The collection is empty.');
  byId('samples').focus();
}

function showOrder(glide = false): void {
  const order = query ? rank(collection.photos, query) : collection.photos.map((photo) => ({ photo }));
  grid.show(order, query, glide);
  const any = collection.photos.length > 0;
  byId('intro').hidden = any;
  byId('workspace').hidden = !any;
  byId('ranking').hidden = !query;
  byId('hint').hidden = query !== undefined;
  byId('ranking-name').textContent = query ? fullName(query) : '';
  document.body.classList.toggle('is-ranking', query !== undefined);
}

function reorderSoon(): void {
  if (reordering) return;
  reordering = true;
  setTimeout(() => {
    reordering = false;
    showOrder();
  }, REORDER_MS);
}

function showSkipped(): void {
  const { skipped } = collection;
  byId('skipped').hidden = skipped.length === 0;
  byId('skipped-count').textContent = `${plural(skipped.length, 'file')} skipped`;
  byId('skipped-list').replaceChildren(
    ...skipped.map(({ name, reason }) => element('li', {}, element('strong', {}, name), ` ${reason}`)),
  );
}

function showStatus(): void {
  const total = collection.photos.length;
  const done = collection.embedded;
  const { running, msPerImage } = embedder;
  const waits = embedder.model !== undefined && !running && done < total;
  byId('count').textContent = running
    ? `${done} of ${total}`
    : waits
      ? `Stopped at ${done} of ${total}`
      : plural(total, 'photo');
  byId('speed').textContent =
    msPerImage === undefined || total === 0 ? '' : `${msPerImage.toFixed(0)} ms per image`;
  byId('loading').textContent = loading ?? '';
  byId('loading').hidden = !loading;
  const bar = byId<HTMLProgressElement>('progress');
  bar.max = total || 1;
  bar.value = done;
  bar.classList.toggle('is-idle', !running);
  byId('cancel').hidden = !running;
  byId('continue').hidden = !waits;
}

function showNotice(error: Error): void {
  byId('notice').hidden = false;
  byId('notice-code').textContent = error instanceof VitreousError ? error.code : '';
  byId('notice-text').textContent = error.message;
}

async function start(): Promise<void> {
  byId('notice').hidden = true;
  try {
    await models.loadPackaged();
  } catch (error) {
    loading = undefined;
    showStatus();
    showNotice(error as Error);
  }
}

function listen(): void {
  const files = byId<HTMLInputElement>('files');
  const folder = byId<HTMLInputElement>('folder');
  for (const input of [files, folder]) input.addEventListener('change', () => add(fromInput(input)));
  const actions: Record<string, () => void> = {
    files: () => files.click(),
    folder: () => folder.click(),
    samples: addSamples,
    clear,
    cancel: () => embedder.cancel(),
    continue: embed,
    'show-all': showAll,
    retry: start,
  };
  document.addEventListener('click', (event) => {
    const action = (event.target as Element).closest<HTMLElement>('[data-action]')?.dataset.action;
    if (action) actions[action]?.();
  });
  if (!('webkitdirectory' in folder)) {
    for (const button of document.querySelectorAll<HTMLElement>('[data-action="folder"]'))
      button.hidden = true;
  }

  document.addEventListener('keydown', (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || document.querySelector('dialog[open]')) return;
    if (event.key === 'Escape' && query) return showAll();
    const target = event.target as Element;
    const here = target === document.body || target.closest('#grid, #inspector');
    if (here && inspector.key(event.key)) event.preventDefault();
  });

  let depth = 0;
  const dropping = (change: number) => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle('is-dropping', depth > 0);
  };
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files');
  document.addEventListener('dragenter', (event) => hasFiles(event) && dropping(1));
  document.addEventListener('dragleave', (event) => hasFiles(event) && dropping(-1));
  document.addEventListener('dragover', (event) => hasFiles(event) && event.preventDefault());
  document.addEventListener('drop', async (event) => {
    dropping(-depth);
    if (!event.dataTransfer || !hasFiles(event)) return;
    event.preventDefault();
    try {
      add(await fromDrop(event.dataTransfer));
    } catch (error) {
      showNotice(error as Error);
    }
  });
}

async function showCredits(): Promise<void> {
  const samples = await fetchSamples().catch(() => []);
  const originals = samples.filter(({ edit }) => edit === null);
  byId('credits').replaceChildren(
    ...originals.map(({ title, credit }) => {
      const link = element('a', { href: credit.url, rel: 'noreferrer' }, title);
      return element('li', {}, link, ` – ${credit.author} (${credit.package})`);
    }),
  );
}

listen();
start();
showCredits();
