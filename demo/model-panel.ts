import { createModel, type Progress, type VisionTransformer, VitreousError, type Weights } from 'vitreous';
import { byId } from './dom.js';
import { keep, recall } from './state.js';

const PACKAGED = 'vit_nano_patch16_224';
const MEGABYTES: Record<string, number> = {
  [PACKAGED]: 10.5,
  'vit_small_patch16_224.dino': 87,
  'vit_small_patch8_224.dino': 87,
  'vit_base_patch16_224.dino': 343,
  'vit_base_patch8_224.dino': 343,
};

/** A model that can be made again at the next visit. */
interface KeptModel {
  name: string;
  url?: string | undefined;
}

export interface ModelPanelEvents {
  /** A model is ready; the panel's owner disposes of the old one. Resolves when the new one is in use. */
  onModel(model: VisionTransformer, weights: Weights | undefined): Promise<void>;
  /** What the page says while the first model comes; undefined when there is nothing to say. */
  onStatus(text: string | undefined): void;
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);

const progressText = ({ loaded, total }: Progress) =>
  total ? `${megabytes(loaded)} of ${megabytes(total)} MB` : `${megabytes(loaded)} MB`;

/** The dialog that loads models. A model that cannot be loaded leaves the one in use alone. */
export class ModelPanel {
  #dialog = byId<HTMLDialogElement>('model-dialog');
  #form = byId<HTMLFormElement>('model-form');
  #architecture = byId<HTMLSelectElement>('architecture');
  #file = byId<HTMLInputElement>('checkpoint');
  #url = byId<HTMLInputElement>('checkpoint-url');
  #events: ModelPanelEvents;
  #stop: AbortController | undefined;
  #inUse: VisionTransformer | undefined;

  constructor(events: ModelPanelEvents) {
    this.#events = events;
    byId('model-button').addEventListener('click', () => this.open());
    byId('model-close').addEventListener('click', () => this.#dialog.close());
    byId('model-cancel').addEventListener('click', () => this.#stop?.abort());
    this.#dialog.addEventListener('close', () => this.#stop?.abort());
    this.#dialog.addEventListener('click', (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    this.#form.addEventListener('change', () => this.#arrange());
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#arrange();
  }

  open(): void {
    this.#showError(undefined);
    this.#dialog.showModal();
  }

  /** Opens with a checkpoint that was dropped on the page. */
  offer(file: File): void {
    const files = new DataTransfer();
    files.items.add(file);
    this.#file.files = files.files;
    this.#setSource('file');
    this.#arrange();
    if (!this.#dialog.open) this.open();
  }

  /** The model of the last visit if it can be had again, else the one that comes with the page. */
  async loadFirst(): Promise<void> {
    const kept = recall<KeptModel>('model');
    if (!kept) return this.loadPackaged();
    try {
      await this.#loadAtStart(kept.name, kept.url);
    } catch (error) {
      keep('model', undefined);
      await this.loadPackaged();
      throw error;
    }
  }

  loadPackaged(): Promise<void> {
    return this.#loadAtStart(PACKAGED, undefined);
  }

  async #loadAtStart(name: string, weights: string | undefined): Promise<void> {
    const what = name === PACKAGED && !weights ? 'the packaged model' : name;
    this.#events.onStatus(`Loading ${what} …`);
    try {
      const model = await createModel(name, {
        weights,
        numClasses: 0,
        dynamicImgSize: true, // for finer pictures of features
        onProgress: (progress) => this.#events.onStatus(`Loading ${what}: ${progressText(progress)}`),
      });
      void this.#use(model, weights);
    } finally {
      this.#events.onStatus(undefined);
    }
  }

  get #source(): string {
    return new FormData(this.#form).get('source') as string;
  }

  #setSource(value: string): void {
    const input = this.#form.querySelector<HTMLInputElement>(`input[name="source"][value="${value}"]`);
    if (input) input.checked = true;
  }

  #arrange(): void {
    const name = this.#architecture.value;
    const packaged = name === PACKAGED;
    byId('default-source').textContent = packaged
      ? `The packaged weights (${MEGABYTES[name]} MB)`
      : `timm’s weights, downloaded from huggingface.co (${MEGABYTES[name]} MB)`;
    byId('packaged-note').hidden = !packaged;
    this.#file.hidden = this.#source !== 'file';
    this.#url.hidden = this.#source !== 'url';
  }

  async #submit(): Promise<void> {
    const name = this.#architecture.value;
    const source = this.#source;
    const weights = { default: undefined, file: this.#file.files?.[0], url: this.#url.value.trim() }[source];
    if (source === 'file' && !weights) return this.#showError(new Error('Choose a safetensors file first.'));
    if (source === 'url' && !weights)
      return this.#showError(new Error('Enter the address of a checkpoint first.'));
    this.#showError(undefined);
    this.#showProgress('Starting …');
    const stop = new AbortController();
    this.#stop = stop;
    try {
      const model = await createModel(name, {
        weights,
        numClasses: 0,
        dynamicImgSize: true, // for finer pictures of features
        signal: stop.signal,
        onProgress: (progress) => this.#showProgress(progressText(progress), progress),
      });
      if (stop.signal.aborted) return model.dispose();
      this.#stop = undefined; // there is nothing to cancel any more
      await this.#use(model, weights);
      this.#dialog.close();
    } catch (error) {
      if (!stop.signal.aborted) this.#showError(error as Error);
    } finally {
      this.#stop = undefined;
      this.#showProgress(undefined);
    }
  }

  #use(model: VisionTransformer, weights: Weights | undefined): Promise<void> {
    const { config, info } = model;
    this.#inUse = model;
    // A file cannot be had again.
    if (weights === undefined || typeof weights === 'string')
      keep('model', config.name === PACKAGED && !weights ? undefined : { name: config.name, url: weights });
    const own = !info.packaged;
    byId('model-name').textContent = config.name;
    byId('model-origin').textContent = own ? 'your checkpoint' : 'packaged stand-in';
    byId('model-facts').textContent =
      `${(info.parameters / 1e6).toFixed(1)} M parameters, ${config.depth} layers of ${config.heads} heads, ` +
      `${config.dim} numbers a photo, ${info.dtype}`;
    byId('variant').textContent = info.variant.startsWith('relaxed') ? 'relaxed SIMD' : 'SIMD128';
    document.body.classList.toggle('has-packaged-model', !own);
    return this.#events.onModel(model, weights);
  }

  #showProgress(text: string | undefined, progress?: Progress): void {
    const bar = byId<HTMLProgressElement>('model-progress');
    byId('model-loading').hidden = text === undefined;
    byId<HTMLButtonElement>('model-load').disabled = text !== undefined;
    byId('model-progress-text').textContent = text ?? '';
    if (progress?.total) {
      bar.max = progress.total;
      bar.value = progress.loaded;
    } else bar.removeAttribute('value');
  }

  #showError(error: Error | undefined): void {
    byId('model-error').hidden = !error;
    byId('model-error-code').textContent = error instanceof VitreousError ? error.code : '';
    byId('model-error-text').textContent = error?.message ?? '';
    byId('model-error-rest').textContent = this.#inUse ? `${this.#inUse.config.name} is still in use.` : '';
  }
}
