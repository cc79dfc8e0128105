import type { App, Photo, Tab, TabView } from '../app.js';
import { fullName } from '../app.js';
import { button, checkbox, coalesce, Segments } from '../controls.js';
import { element, plural } from '../dom.js';
import { keep, recall } from '../state.js';
import { colourOf, MapCanvas, type MapPoint } from './map-canvas.js';
import { unitPoints } from './map-view.js';

const METHODS = [
  ['pca', 'PCA'],
  ['umap', 'UMAP'],
] as const;
type Method = (typeof METHODS)[number][0];

const LEAST: Record<Method, number> = { pca: 2, umap: 3 };
const LISTED = 200;
/** While photos come: after a map so many times the pause of what it took, so that most of the time is left to them. */
const PAUSES = 4;

export const mapTab: Tab = {
  id: 'map',
  label: 'Map',
  icon: 'M3.5 6.5 9 4l6 2.5L20.5 4v13.5L15 20l-6-2.5L3.5 20zM9 4v13.5M15 6.5V20',
  mount: (panel, app) => new MapTab(panel, app),
};

/** All photos on a plane, like ones near each other, and as a list by clusters. */
class MapTab implements TabView {
  #app: App;
  #shown = false;
  /** Of what the map was made. */
  #seen = '';
  #took = 0;
  #waiting: ReturnType<typeof setTimeout> | undefined;
  /** The visitor cancelled: no new one by itself. */
  #cancelled = false;
  #points: MapPoint[] = [];
  #make = coalesce(
    () => this.#compute(),
    (error) => this.#app.fail(error),
  );

  #canvas: MapCanvas;
  #method: Segments<Method>;
  #colours = checkbox('Colour clusters', recall<boolean>('map clusters') ?? true, (on) => {
    keep('map clusters', on);
    this.#draw();
  });
  #count = element('p', { class: 'tool-count', role: 'status' });
  #list = element('div', { class: 'clusters' });

  constructor(panel: HTMLElement, app: App) {
    this.#app = app;
    this.#canvas = new MapCanvas(app);
    this.#method = new Segments(
      'How the map is made',
      METHODS,
      recall<Method>('map method') ?? 'pca',
      (method) => {
        keep('map method', method);
        this.#cancelled = false;
        this.#make();
      },
    );
    const zoom = (label: string, sign: string, act: () => void) => {
      const made = button(sign, act, 'square');
      made.setAttribute('aria-label', label);
      return made;
    };
    panel.append(
      element(
        'div',
        { class: 'tool-bar' },
        this.#method.element,
        this.#colours.element,
        this.#count,
        element(
          'div',
          { class: 'buttons' },
          zoom('Zoom in', '+', () => this.#canvas.zoomBy(1.5)),
          zoom('Zoom out', '−', () => this.#canvas.zoomBy(1 / 1.5)),
          button('All', () => this.#canvas.reset()),
        ),
      ),
      this.#canvas.element,
      element(
        'p',
        { class: 'muted small' },
        'Drag to move, turn the wheel or pinch to zoom, click a photo to select it for all tabs.',
      ),
      element('details', { class: 'map-list' }, element('summary', {}, 'The map as a list'), this.#list),
    );
    this.#list.addEventListener('click', (event) => {
      const id = (event.target as Element).closest<HTMLElement>('[data-id]')?.dataset.id;
      const photo = app.photos.find((one) => one.id === id);
      if (photo) app.select(photo);
    });
    app.on('photos', () => this.#photosChanged());
    app.on('model', () => this.#shown && this.#make());
    app.on('selected', () => {
      if (!this.#shown) return;
      this.#canvas.redraw();
      this.#markSelected();
    });
  }

  show(): void {
    this.#shown = true;
    this.#cancelled = false;
    this.#make();
    this.#canvas.redraw();
    this.#markSelected();
  }

  hide(): void {
    this.#shown = false;
  }

  #photosChanged(): void {
    this.#waiting ??= setTimeout(() => {
      this.#waiting = undefined;
      if (this.#shown && !this.#cancelled) this.#make();
    }, PAUSES * this.#took);
  }

  async #compute(): Promise<void> {
    const { index, model } = this.#app;
    const embedded = this.#app.photos.filter((photo) => photo.embedded);
    const method = this.#method.value;
    if (!index || embedded.length < LEAST[method]) {
      this.#seen = '';
      this.#points = [];
      this.#count.textContent = index
        ? `A map takes ${LEAST[method]} photos at least.`
        : 'The model is on its way …';
      this.#draw();
      return;
    }
    const seen = [model?.config.name, method, ...embedded.map(({ id }) => id)].join();
    if (seen === this.#seen) return;
    // Only who wants it loads it.
    const UMAP = method === 'umap' ? (await import('./umap.js')).UMAP : undefined;
    const start = performance.now();
    const made = await this.#app.task('Drawing the map', async (signal, progress) => {
      const onProgress = ({ done, total }: { done: number; total: number }) => progress(done, total);
      const map = await index.map({ method, ...(UMAP && { UMAP }), signal, onProgress });
      return { map, clustering: await index.clusters({ minClusterSize: 3, signal }) };
    });
    this.#took = performance.now() - start;
    this.#cancelled = !made;
    if (!made || !this.#shown) return;
    this.#seen = seen;
    const { map, clustering } = made;
    const cluster = new Map(clustering.clusters.flatMap(({ ids }, i) => ids.map((id) => [id, i] as const)));
    const photos = new Map(this.#app.photos.map((photo) => [photo.id, photo]));
    const places = unitPoints(map.coordinates.data);
    this.#points = map.ids.flatMap((id, i) => {
      const photo = photos.get(id);
      const place = places[i];
      return photo && place ? { photo, ...place, cluster: cluster.get(id) } : [];
    });
    this.#count.textContent = `${plural(map.ids.length, 'photo')}, ${plural(clustering.clusters.length, 'cluster')}`;
    this.#draw();
  }

  #draw(): void {
    const coloured = this.#colours.input.checked;
    this.#canvas.show(
      coloured ? this.#points : this.#points.map((point) => ({ ...point, cluster: undefined })),
    );
    const clusters = new Map<number | undefined, MapPoint[]>();
    for (const point of this.#points)
      clusters.set(point.cluster, [...(clusters.get(point.cluster) ?? []), point]);
    const order = [...clusters].sort(
      ([a = Number.POSITIVE_INFINITY], [b = Number.POSITIVE_INFINITY]) => a - b,
    );
    this.#list.replaceChildren(
      ...order.map(([cluster, points]) => {
        const dot = element('span', { class: 'dot', 'aria-hidden': 'true' });
        dot.style.background = colourOf(cluster) ?? 'transparent';
        const title = cluster === undefined ? 'In no cluster' : `Cluster ${cluster + 1}`;
        const photos = points.slice(0, LISTED).map(({ photo }) => listed(photo));
        return element(
          'section',
          {},
          element('h3', {}, dot, `${title}: ${plural(points.length, 'photo')}`),
          element('ul', { role: 'list' }, ...photos),
        );
      }),
    );
    this.#markSelected();
  }

  #markSelected(): void {
    const id = this.#app.selected?.id;
    for (const one of this.#list.querySelectorAll<HTMLElement>('[data-id]'))
      one.setAttribute('aria-pressed', String(one.dataset.id === id));
  }
}

function listed(photo: Photo): HTMLElement {
  const made = element('button', { type: 'button', class: 'chip-button' }, fullName(photo));
  made.dataset.id = photo.id;
  return element('li', {}, made);
}
