import { useSyncExternalStore } from 'react';
import { createModel, type Dtype, type Progress, type VisionTransformer } from 'vitreous';

export type ModelState =
  | { status: 'loading'; progress: Progress | undefined }
  | { status: 'ready'; model: VisionTransformer }
  | { status: 'error'; error: Error; retry: () => void };

const LOADING: ModelState = { status: 'loading', progress: undefined };

/**
 * A model outside of React. It is loaded for the first component that wants it, shared by all, and stopped or freed after
 * the last.
 */
class SharedModel {
  #state = LOADING;
  #loading: AbortController | undefined;
  readonly #components = new Set<() => void>();
  readonly #name: string;
  readonly #dtype: Dtype;

  constructor(name: string, dtype: Dtype) {
    this.#name = name;
    this.#dtype = dtype;
  }

  readonly getState = () => this.#state;

  readonly subscribe = (changed: () => void) => {
    this.#components.add(changed);
    this.#loading ?? this.#load();
    return () => {
      this.#components.delete(changed);
      // Not at once: StrictMode, and a page that changes, unmount and mount again in one go.
      setTimeout(() => this.#components.size === 0 && this.#release());
    };
  };

  async #load() {
    const loading = new AbortController();
    const { signal } = loading;
    this.#loading = loading;
    this.#set(LOADING);
    try {
      const model = await createModel(this.#name, {
        dtype: this.#dtype,
        numClasses: 0,
        signal,
        onProgress: (progress) => !signal.aborted && this.#set({ status: 'loading', progress }),
      });
      if (signal.aborted) model.dispose();
      else this.#set({ status: 'ready', model });
    } catch (error) {
      if (signal.aborted) return;
      // Its message says what to do; a VitreousError has a `code` as well.
      this.#set({ status: 'error', error: error as Error, retry: () => void this.#load() });
    }
  }

  #release() {
    this.#loading?.abort();
    this.#loading = undefined;
    if (this.#state.status === 'ready') this.#state.model.dispose();
    this.#state = LOADING;
  }

  #set(state: ModelState) {
    this.#state = state;
    for (const changed of this.#components) changed();
  }
}

const models = new Map<string, SharedModel>();

/** The model of that name, once for all components that ask for it. */
export function useVitreous(name: string, dtype: Dtype = 'fp32'): ModelState {
  const key = `${name} ${dtype}`;
  const shared = models.get(key) ?? new SharedModel(name, dtype);
  models.set(key, shared);
  return useSyncExternalStore(shared.subscribe, shared.getState, () => LOADING);
}
