import { announce, byId, element } from './dom.js';

/** Shorter work than this is not shown: it would only flicker. */
const SHOWN_AFTER_MS = 150;

/** The long work of the tabs, one line each with its progress and Cancel. */
export class Tasks {
  #list = byId('tasks');
  #running = new Set<AbortController>();
  #onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** @returns undefined when it was cancelled or failed */
  async run<T>(
    label: string,
    work: (signal: AbortSignal, progress: (done: number, total: number) => void) => Promise<T>,
  ): Promise<T | undefined> {
    const stop = new AbortController();
    this.#running.add(stop);
    const bar = element('progress', { 'aria-label': label });
    const cancel = element('button', { type: 'button', class: 'button danger' }, 'Cancel');
    cancel.addEventListener('click', () => {
      stop.abort();
      announce(`${label}: cancelled.`);
    });
    const line = element('li', { class: 'task' }, element('span', {}, label), bar, cancel);
    const shown = setTimeout(() => this.#list.append(line), SHOWN_AFTER_MS);
    try {
      return await work(stop.signal, (done, total) => {
        bar.max = total || 1;
        bar.value = done;
      });
    } catch (error) {
      if (!stop.signal.aborted) this.#onError(error);
      return undefined;
    } finally {
      this.#running.delete(stop);
      clearTimeout(shown);
      line.remove();
    }
  }

  /** Nobody looks at what they would show any more. */
  cancelAll(): void {
    for (const stop of this.#running) stop.abort();
  }
}
