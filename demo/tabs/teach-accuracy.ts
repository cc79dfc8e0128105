import type { App } from '../app.js';
import { button } from '../controls.js';
import { element } from '../dom.js';
import { type Examples, type Learned, probeAccuracy } from './teach-learner.js';

/** How often both methods are right on examples that they did not see. */
export class Accuracy {
  readonly element: HTMLElement;
  #app: App;
  #rows = element('tbody', {});
  #note = element('p', { class: 'muted small' });
  #measure = button('Check the probe', () => this.#check());
  #examples: Examples | undefined;
  #learned: Learned | undefined;
  /** Of the probe; `of` are the examples that it is about. */
  #probe: { right: number; oneByOne: boolean; of: string } | undefined;

  constructor(app: App) {
    this.#app = app;
    const caption = element('caption', {}, 'Accuracy, leaving one out');
    const table = element('table', { class: 'teach-accuracy' }, caption, this.#rows);
    this.element = element('div', { class: 'panel-group' }, table, this.#note, this.#measure);
  }

  show(examples: Examples | undefined, learned: Learned | undefined): void {
    this.#examples = examples;
    this.#learned = learned;
    this.#draw();
  }

  /** Another model: its features are others. */
  forget(): void {
    this.#probe = undefined;
  }

  #draw(): void {
    const count = this.#examples?.labels.length ?? 0;
    const { key } = this.#examples ?? {};
    const knn = this.#learned?.of === key ? this.#learned?.knnRight : undefined;
    const probe = this.#probe?.of === key ? this.#probe : undefined;
    this.#rows.replaceChildren(
      row('knn', 'k-NN', knn, count),
      row('probe', 'Linear probe', probe?.right, count),
    );
    this.#measure.disabled = key === undefined || probe !== undefined;
    this.#note.textContent =
      key === undefined
        ? 'Two classes with an example each are needed.'
        : !probe
          ? 'Each example is judged by the others. For the probe that means fitting it anew each time.'
          : probe.oneByOne
            ? 'Each example was judged by the others.'
            : 'k-NN: each example by the others. The probe: each tenth of them by the rest.';
  }

  async #check(): Promise<void> {
    const { model } = this.#app;
    const examples = this.#examples;
    if (!model || !examples) return;
    this.#measure.disabled = true;
    const found = await this.#app.task('Checking the probe', (signal, progress) =>
      probeAccuracy(model, examples, signal, progress),
    );
    if (found && model === this.#app.model) {
      this.#probe = { ...found, of: examples.key };
      this.#app.announce(
        `The linear probe is right on ${found.right} of ${examples.labels.length} examples.`,
      );
    }
    this.#draw();
  }
}

function row(id: string, name: string, right: number | undefined, count: number): HTMLElement {
  const share = right === undefined ? '–' : `${Math.round((100 * right) / count)} %`;
  return element(
    'tr',
    { 'data-method': id },
    element('th', { scope: 'row' }, name),
    element('td', {}, element('strong', {}, share)),
    element('td', { class: 'muted' }, right === undefined ? '' : `${right} of ${count}`),
  );
}
