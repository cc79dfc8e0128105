// <vitreous-search>: photos in, by drop or file dialog; one chosen, and the others line up by likeness.
//
//   attributes  model     a name for createModel; default vit_nano_patch16_224
//               dtype     fp32 or int8
//               k         how many are shown around the chosen one; default all
//               label     what the visitor is asked for
//   methods     add(files), search(image), clear()
//   events      ready, progress { done, total }, results [{ id, score, file }], error (an ErrorEvent); they bubble
//   parts       drop, status, photos, photo, score
import { createModel } from 'vitreous';
import { ImageIndex } from 'vitreous/search';

// Not a <style>, which a strict content security policy forbids.
const style = new CSSStyleSheet();
style.replaceSync(`
  :host { display: block; font-family: system-ui, sans-serif; }
  :host([hidden]) { display: none; }
  [part=drop] { display: block; padding: 1rem; border: 2px dashed GrayText; border-radius: 0.5rem; }
  [part=drop].over { border-color: Highlight; }
  ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); gap: 0.5rem; padding: 0; list-style: none; }
  [part=photo] { width: 100%; padding: 0.25rem; font: inherit; }
  [part=photo][aria-pressed=true] { outline: 3px solid Highlight; }
  img { display: block; width: 100%; aspect-ratio: 1; object-fit: cover; }`);

const template = document.createElement('template');
template.innerHTML = `
  <label part="drop"><span></span> <input type="file" accept="image/*" multiple></label>
  <p part="status" role="status"></p>
  <ul part="photos"></ul>`;

class VitreousSearch extends HTMLElement {
  static observedAttributes = ['label'];

  #files = new Map(); // by id
  #urls = new Map();
  #opened; // while the element is in a page

  constructor() {
    super();
    const shadow = this.attachShadow({ mode: 'open' });
    shadow.adoptedStyleSheets = [style];
    shadow.append(template.content.cloneNode(true));
    const drop = this.#part('drop');
    const over = (is) => (event) => {
      event.preventDefault();
      drop.classList.toggle('over', is);
    };
    this.addEventListener('dragover', over(true));
    this.addEventListener('dragleave', over(false));
    this.addEventListener('drop', over(false));
    this.addEventListener('drop', (event) => this.add(event.dataTransfer.files));
    drop.querySelector('input').addEventListener('change', ({ target }) => {
      this.add(target.files);
      target.value = ''; // the same file again is a change too
    });
    this.#part('photos').addEventListener('click', ({ target }) => {
      const photo = target.closest('button');
      if (photo) this.search({ id: photo.value });
    });
    this.#part('photos').addEventListener('keydown', (event) => this.#moveFocus(event));
  }

  get model() {
    return this.getAttribute('model') ?? 'vit_nano_patch16_224';
  }

  get k() {
    return Number(this.getAttribute('k') ?? Number.POSITIVE_INFINITY);
  }

  connectedCallback() {
    this.#label();
    this.#open();
  }

  disconnectedCallback() {
    // An element that is only moved in the page is connected again by then.
    queueMicrotask(() => this.isConnected || this.#close());
  }

  attributeChangedCallback(name) {
    if (name === 'label') this.#label();
  }

  /** Adds image files; those that cannot be read are told of by an `error` event each. */
  async add(files) {
    const given = Array.from(files);
    const { signal, ready } = this.#open();
    const { index } = (await ready) ?? {};
    for (const [i, file] of given.entries()) {
      if (!index || signal.aborted) return;
      this.#say(`${i} of ${given.length} photos`);
      const id = `${file.webkitRelativePath || file.name} (${file.size})`;
      try {
        await index.upsert({ id, image: file }, { signal });
        this.#show(id, file);
      } catch (error) {
        this.#fail(error, signal);
      }
      this.#tell('progress', { done: i + 1, total: given.length });
    }
    if (index && !signal.aborted) this.#say(`${index.size} photos`);
  }

  /** Lines the photos up by likeness to an image, or to one of them `{ id }`. Resolves to the results. */
  async search(query) {
    const { signal, ready } = this.#open();
    const { index } = (await ready) ?? {};
    if (!index?.size) return [];
    try {
      const found = await index.search(query, { k: Math.min(this.k, index.size), signal });
      const results = found.map(({ id, score }) => ({ id, score, file: this.#files.get(id) }));
      this.#lineUp(results, query.id);
      this.#tell('results', results);
      return results;
    } catch (error) {
      this.#fail(error, signal);
      return [];
    }
  }

  /** Forgets all photos. */
  async clear() {
    const { index } = (await this.#open().ready) ?? {};
    await index?.clear();
    for (const url of this.#urls.values()) URL.revokeObjectURL(url);
    this.#urls.clear();
    this.#files.clear();
    this.#part('photos').replaceChildren();
    this.#say('');
  }

  /** The model and an index, from the first use on; undefined where they could not be had, which was told. */
  #open() {
    if (this.#opened) return this.#opened;
    const stop = new AbortController();
    const { signal } = stop;
    const opened = { stop, signal };
    opened.ready = this.#load(signal).catch((error) => {
      this.#fail(error, signal);
      if (this.#opened === opened) this.#opened = undefined; // what is asked for next tries again
    });
    this.#opened = opened;
    return opened;
  }

  async #load(signal) {
    this.#say('Loading the model …');
    const dtype = this.getAttribute('dtype') ?? 'fp32';
    const onProgress = ({ loaded, total }) =>
      total && this.#say(`Loading the model … ${Math.floor((100 * loaded) / total)} %`);
    const model = await createModel(this.model, { dtype, numClasses: 0, signal, onProgress });
    const index = await ImageIndex.create({ model });
    // Photos of before the element was taken out of the page.
    for (const [id, image] of this.#files) if (!signal.aborted) await index.upsert({ id, image });
    if (!signal.aborted) {
      this.#say(index.size ? `${index.size} photos` : '');
      this.#tell('ready');
    }
    return { model, index };
  }

  async #close() {
    const opened = this.#opened;
    this.#opened = undefined;
    opened?.stop.abort();
    const { model, index } = (await opened?.ready) ?? {};
    await index?.close();
    model?.dispose();
  }

  #show(id, file) {
    this.#files.set(id, file);
    if (this.#urls.has(id)) return;
    const url = URL.createObjectURL(file);
    this.#urls.set(id, url);
    const photo = document.createElement('button');
    photo.value = id;
    photo.type = 'button';
    photo.setAttribute('part', 'photo');
    photo.setAttribute('aria-pressed', 'false');
    const image = Object.assign(document.createElement('img'), { src: url, alt: file.name });
    const score = document.createElement('span');
    score.setAttribute('part', 'score');
    photo.append(image, score);
    const item = document.createElement('li');
    item.append(photo);
    this.#part('photos').append(item);
  }

  #lineUp(results, chosen) {
    const scores = new Map(results.map(({ id, score }) => [id, score]));
    const items = new Map(this.#photos.map((photo) => [photo.value, photo]));
    for (const { id } of [...results].reverse()) this.#part('photos').prepend(items.get(id).parentElement);
    for (const [id, photo] of items) {
      photo.setAttribute('aria-pressed', String(id === chosen));
      photo.parentElement.hidden = !scores.has(id);
      photo.querySelector('span').textContent = scores.get(id)?.toFixed(3) ?? '';
    }
    items.get(chosen)?.focus();
    this.#say(`${results.length} photos, the most similar first`);
  }

  get #photos() {
    return [...this.#part('photos').querySelectorAll('button')];
  }

  /** Arrow keys, Home and End go from photo to photo. */
  #moveFocus(event) {
    const photos = this.#photos.filter((photo) => !photo.parentElement.hidden);
    const at = photos.indexOf(event.target);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: photos.length - 1 }[event.key];
    if (photos[to] === undefined) return;
    event.preventDefault();
    photos[to].focus();
  }

  #label() {
    const label = this.getAttribute('label') ?? 'Drop photos here, or choose some:';
    this.#part('drop').querySelector('span').textContent = label;
  }

  #fail(error, signal) {
    if (signal.aborted) return;
    this.#say(error.message);
    this.dispatchEvent(new ErrorEvent('error', { error, message: error.message, bubbles: true }));
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true }));
  }

  #say(text) {
    this.#part('status').textContent = text;
  }

  #part(name) {
    return this.shadowRoot.querySelector(`[part=${name}]`);
  }
}

customElements.define('vitreous-search', VitreousSearch);
