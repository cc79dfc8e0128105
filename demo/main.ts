import { type VisionTransformer, VitreousError, type Weights } from 'vitreous';
import { Application } from './application.js';
import { announce, byId, element, plural } from './dom.js';
import { fetchSamples, type Picked, sampleSources } from './files.js';
import { listenForFiles } from './intake.js';
import { ModelPanel } from './model-panel.js';
import { useOffline } from './offline.js';
import { TabList } from './tab-list.js';
import { tabs } from './tabs/index.js';
import { useThemeButton } from './theme-button.js';

let loading: string | undefined;
let drawing = false;
/** What the visitor began must not be lost by a reload. */
let touched = false;

const app = new Application({ open: (tab) => tabList.open(tab), fail: showNotice, onWork: drawSoon });
const tabList = new TabList(tabs, app, () => app.cancelTasks());
const models = new ModelPanel({
  onModel: take,
  onStatus(text) {
    loading = text;
    drawSoon();
  },
});

async function take(model: VisionTransformer, weights: Weights | undefined): Promise<void> {
  try {
    const old = await app.use(model, weights);
    old?.dispose();
    announce(`${model.config.name} is ready.`);
    if (!(await app.collection.mayWrite)) {
      const text = 'The collection is open in another tab. Here it can be looked at, not changed.';
      showNotice(new VitreousError('INDEX_LOCKED', text));
    }
    embed().catch(showNotice);
  } catch (error) {
    showNotice(error);
  }
}

async function add({ sources, checkpoint, skipped }: Picked): Promise<void> {
  touched = true;
  app.collection.skipped.push(...skipped);
  const fromIntro = byId('intro').contains(document.activeElement);
  if (checkpoint) models.offer(checkpoint);
  if (sources.length > 0 && !(await app.collection.mayWrite))
    return showNotice(
      new VitreousError('INDEX_LOCKED', 'The collection is open in another tab: add the photos there.'),
    );
  app.collection.add(sources);
  draw();
  // The button that was pressed is gone now.
  if (fromIntro && sources.length > 0) byId('main').focus({ preventScroll: true });
  await embed();
}

async function embed(): Promise<void> {
  const { collection, embedder } = app;
  if (collection.photos.length === 0 || !(await collection.mayWrite)) return;
  await embedder.run();
  // Photos that were added while it ended, or a model that came while it only prepared.
  if (embedder.failure) showNotice(embedder.failure);
  else if (embedder.waiting === 0) announce(`${plural(collection.embedded, 'photo')} embedded.`);
}

async function addSamples(): Promise<void> {
  try {
    await add({ sources: sampleSources(await fetchSamples()), skipped: [] });
  } catch (error) {
    showNotice(error);
  }
}

async function clear(): Promise<void> {
  await app.embedder.cancel();
  try {
    await app.collection.clear();
  } catch (error) {
    return showNotice(error);
  }
  draw();
  announce('The collection is empty.');
  byId('samples').focus();
}

/** Everything that changes is drawn at most once a frame. */
function drawSoon(): void {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
}

function draw(): void {
  const { collection, embedder } = app;
  const total = collection.photos.length;
  const done = collection.embedded;
  const { running, msPerImage, model } = embedder;
  const embedding = running && model !== undefined;
  const waits = model !== undefined && !running && done < total;
  const count = countText(done, total, { running, ready: model !== undefined });
  const texts: Record<string, string> = {
    count,
    speed: msPerImage === undefined || total === 0 ? '' : `${msPerImage.toFixed(0)} ms per image`,
    loading: loading ?? '',
    'skipped-count': `${plural(collection.skipped.length, 'file')} skipped`,
  };
  for (const [id, text] of Object.entries(texts))
    if (byId(id).textContent !== text) byId(id).textContent = text;
  const bar = byId<HTMLProgressElement>('progress');
  bar.max = total || 1;
  bar.value = done;
  bar.classList.toggle('is-idle', !embedding);
  byId('cancel').hidden = !embedding;
  byId('continue').hidden = !waits;
  byId('loading').hidden = !loading;
  byId('collection').hidden = total === 0;
  byId('skipped').hidden = collection.skipped.length === 0;
  const list = byId('skipped-list');
  if (list.childElementCount !== collection.skipped.length)
    list.replaceChildren(
      ...collection.skipped.map(({ name, reason }) =>
        element('li', {}, element('strong', {}, name), ` ${reason}`),
      ),
    );
  tabList.empty = total === 0;
}

function countText(
  done: number,
  total: number,
  { running, ready }: { running: boolean; ready: boolean },
): string {
  if (!ready) return `${plural(total, 'photo')} …`;
  if (running) return `${done} of ${total}`;
  return done < total ? `Stopped at ${done} of ${total}` : plural(total, 'photo');
}

function showNotice(error: unknown): void {
  byId('notice').hidden = false;
  byId('notice-code').textContent = error instanceof VitreousError ? error.code : '';
  byId('notice-text').textContent = error instanceof Error ? error.message : String(error);
  byId('retry').hidden = app.model !== undefined || loading !== undefined;
}

async function load(first: boolean): Promise<void> {
  byId('notice').hidden = true;
  try {
    await (first ? models.loadFirst() : models.loadPackaged());
  } catch (error) {
    showNotice(error);
  }
}

function listen(): void {
  const files = byId<HTMLInputElement>('files');
  const folder = byId<HTMLInputElement>('folder');
  const actions: Record<string, () => void> = {
    files: () => files.click(),
    folder: () => folder.click(),
    samples: addSamples,
    clear,
    cancel: () => app.embedder.cancel(),
    continue: embed,
    retry: () => load(false),
    'close-notice': () => {
      byId('notice').hidden = true;
    },
    skip: () => byId('main').focus(),
  };
  document.addEventListener('click', (event) => {
    const action = (event.target as Element).closest<HTMLElement>('[data-action]')?.dataset.action;
    if (action) actions[action]?.();
  });
  if (!('webkitdirectory' in folder)) {
    for (const button of document.querySelectorAll<HTMLElement>('[data-action="folder"]'))
      button.hidden = true;
  }
  listenForFiles({ files, folder }, add, showNotice);
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

async function restore(): Promise<void> {
  try {
    await app.collection.restore();
  } catch (error) {
    showNotice(error);
  }
  if (!(await app.collection.lasts))
    showNotice(new Error('This browser keeps nothing for this page: after a reload the photos are gone.'));
  app.reselect();
  draw();
  tabList.start();
}

listen();
useThemeButton();
useOffline({ mayReload: () => !touched && app.photos.length === 0 });
// The photos of the last visit are there before the model is.
const restored = restore();
await Promise.all([load(true), restored]);
showCredits();
