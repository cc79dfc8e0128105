import { VitreousError } from 'vitreous';
import type { App, Tab, TabView } from '../app.js';
import { announce, byId, element } from '../dom.js';
import { fetchSamples, sampleSources } from '../files.js';
import { type Entry, type Measurement, measure, type Subject } from '../measure.js';
import {
  entriesOf,
  errorText,
  factsOf,
  figure,
  memory,
  perSecond,
  range,
  ratio,
  ratiosOf,
  toMarkdown,
} from '../measure-report.js';
import html from './measure.html';

export const measureTab: Tab = {
  id: 'measure',
  label: 'Measure',
  icon: 'M4.5 18a9 9 0 1 1 15 0M12 14l4-5',
  worksEmpty: true,
  mount(panel, app) {
    panel.innerHTML = html;
    return new MeasureTab(app);
  },
};

/** Measures this device. The model in use is not touched: others of the same are made. */
class MeasureTab implements TabView {
  #app: App;
  #start = byId<HTMLButtonElement>('measure-start');
  #cancel = byId<HTMLButtonElement>('measure-cancel');
  #stop: AbortController | undefined;
  #markdown = '';

  constructor(app: App) {
    this.#app = app;
    this.#start.addEventListener('click', () => this.#run());
    this.#cancel.addEventListener('click', () => this.cancel());
    byId('measure-copy').addEventListener('click', () => this.#copy());
  }

  show(): void {}

  /** Nobody would see the result, and the figures would be of a page that does something else. */
  hide(): void {
    this.cancel();
  }

  cancel(): void {
    if (!this.#stop) return;
    this.#stop.abort();
    this.#end();
    this.#note('Cancelled. All that was made for measuring is gone.');
    announce('Cancelled.');
  }

  async #run(): Promise<void> {
    const stop = new AbortController();
    const { signal } = stop;
    this.#stop = stop;
    this.#note(undefined);
    this.#showError(undefined);
    byId('measure-result').hidden = true;
    this.#progress('Starting …', 0);
    this.#arrange();
    this.#cancel.focus({ preventScroll: true });
    announce('Measuring.');
    try {
      const subject = this.#subject();
      const [sample] = sampleSources(await fetchSamples());
      if (!sample) throw new Error('There are no sample photos.');
      const measurement = await measure(subject, await sample.open(signal), {
        signal,
        onProgress: (text, done) => signal.aborted || this.#progress(text, done),
      });
      if (signal.aborted) return;
      this.#show(measurement);
      announce('The measurement is done.');
    } catch (error) {
      if (!signal.aborted) this.#showError(error as Error);
    } finally {
      // A cancelled run may have been followed by another one already.
      if (this.#stop === stop) this.#end();
    }
  }

  #subject(): Subject {
    const { model, weights } = this.#app;
    if (!model) throw new Error('No model is loaded yet.');
    const { threads, threadsReason, parameters } = model.info;
    const { name } = model.config;
    return { name, weights, parameters, threads, threadsReason, dataConfig: model.dataConfig };
  }

  /** The keyboard goes on where there is something to do or to read. */
  #end(): void {
    const focused = document.activeElement === this.#cancel;
    this.#stop = undefined;
    this.#arrange();
    const result = byId('measure-result');
    if (focused) (result.hidden ? this.#start : result).focus({ preventScroll: true });
  }

  #arrange(): void {
    const running = this.#stop !== undefined;
    this.#start.hidden = running;
    this.#cancel.hidden = !running;
    byId('measure-running').hidden = !running;
  }

  #progress(text: string, done: number): void {
    byId<HTMLProgressElement>('measure-progress').value = done;
    byId('measure-progress-text').textContent = text;
  }

  #note(text: string | undefined): void {
    byId('measure-note').hidden = text === undefined;
    byId('measure-note').textContent = text ?? '';
  }

  #showError(error: Error | undefined): void {
    byId('measure-error').hidden = !error;
    byId('measure-error-code').textContent = error instanceof VitreousError ? error.code : '';
    byId('measure-error-text').textContent = error?.message ?? '';
  }

  #show(measurement: Measurement): void {
    this.#markdown = toMarkdown(measurement);
    this.#start.textContent = 'Measure again';
    byId('measure-rows').replaceChildren(...entriesOf(measurement).map(row));
    drawChart(measurement.models);
    const ratios = ratiosOf(measurement).map(({ label, value }) => pair(label, ratio(value)));
    byId('measure-ratios').replaceChildren(...ratios);
    byId('measure-facts').replaceChildren(...factsOf(measurement).map(([name, value]) => pair(name, value)));
    byId('measure-by-hand').hidden = true;
    byId('measure-result').hidden = false;
  }

  async #copy(): Promise<void> {
    const button = byId('measure-copy');
    const byHand = byId('measure-by-hand');
    const text = byId<HTMLTextAreaElement>('measure-markdown');
    let copied = true;
    try {
      // Missing where the page came over plain HTTP, refused where the visitor or a frame says so.
      await navigator.clipboard.writeText(this.#markdown);
    } catch {
      byHand.hidden = false;
      text.value = this.#markdown;
      text.select();
      copied = document.execCommand('copy');
      if (copied) button.focus();
    }
    byHand.hidden = copied;
    button.textContent = copied ? 'Copied' : 'Not allowed here';
    announce(copied ? 'The result is in the clipboard.' : 'The result is in the text field, selected.');
    setTimeout(() => {
      button.textContent = 'Copy result';
    }, 1600);
  }
}

/** `<div><dt><dd></div>`: a group of a description list. */
const pair = (name: string, value: string) =>
  element('div', {}, element('dt', {}, name), element('dd', {}, value));

function row(entry: Entry): HTMLTableRowElement {
  const { label, timing, error } = entry;
  const head = element('th', { scope: 'row' }, label);
  if (!timing) {
    const text = error ? errorText(error) : 'not measured';
    return element('tr', {}, head, element('td', { colspan: '3', class: 'failed' }, text));
  }
  return element(
    'tr',
    {},
    head,
    element('td', {}, element('strong', {}, figure(timing.median)), ' ', element('small', {}, range(timing))),
    element('td', {}, perSecond(timing.median)),
    element('td', {}, memory(entry)),
  );
}

/** A bar as long as the median, and a line from the fastest to the slowest turn. */
function drawChart(entries: Entry[]): void {
  const timed = entries.flatMap(({ label, timing }) => (timing ? [{ label, timing }] : []));
  const longest = Math.max(...timed.map(({ timing }) => timing.max));
  const percent = (value: number) => `${(100 * value) / longest}%`;
  const bars = timed.map(({ label, timing }) => {
    const bar = element('span', { class: 'chart-bar' });
    bar.style.width = percent(timing.median);
    const line = element('span', { class: 'chart-range' });
    line.style.left = percent(timing.min);
    line.style.width = percent(timing.max - timing.min);
    const track = element('span', { class: 'chart-track' }, bar, line);
    return element('div', { class: 'chart-row' }, element('span', {}, label), track, figure(timing.median));
  });
  const chart = byId('measure-chart');
  chart.replaceChildren(...bars);
  const told = timed.map(({ label, timing }) => `${label}: ${figure(timing.median)}`);
  chart.setAttribute('aria-label', `Bars of the milliseconds an image. ${told.join('; ')}.`);
}
