import { element } from './dom.js';

let lastId = 0;
const newId = (what: string) => `${what}-${++lastId}`;

export interface RangeOptions {
  min: number;
  max: number;
  step?: number;
  value: number;
  /** The value as it is shown and read out. */
  format: (value: number) => string;
  onInput: (value: number) => void;
}

/** A slider with its label and its value in words. */
export class Range {
  readonly element: HTMLElement;
  #input: HTMLInputElement;
  #output: HTMLOutputElement;
  #format: (value: number) => string;

  constructor(label: string, { min, max, step = 1, value, format, onInput }: RangeOptions) {
    const id = newId('range');
    this.#format = format;
    this.#input = element('input', {
      type: 'range',
      id,
      min: String(min),
      max: String(max),
      step: String(step),
    });
    this.#output = element('output', { for: id });
    this.element = element(
      'div',
      { class: 'field range' },
      element('label', { for: id }, label),
      this.#output,
      this.#input,
    );
    this.#input.addEventListener('input', () => {
      this.#show();
      onInput(this.value);
    });
    this.value = value;
  }

  get value(): number {
    return this.#input.valueAsNumber;
  }

  set value(value: number) {
    this.#input.value = String(value);
    this.#show();
  }

  get max(): number {
    return Number(this.#input.max);
  }

  /** A value above the new end is moved to it. */
  set max(max: number) {
    this.#input.max = String(max);
    this.#show();
  }

  set disabled(disabled: boolean) {
    this.#input.disabled = disabled;
    this.element.classList.toggle('is-disabled', disabled);
  }

  /** Writes the value anew, where its words depend on something else too. */
  refresh(): void {
    this.#show();
  }

  #show(): void {
    const text = this.#format(this.value);
    this.#output.textContent = text;
    this.#input.setAttribute('aria-valuetext', text);
  }
}

/** One of a few: radio buttons that look like one button in parts. */
export class Segments<Value extends string> {
  readonly element: HTMLFieldSetElement;
  #inputs: HTMLInputElement[];

  constructor(
    legend: string,
    choices: readonly (readonly [value: Value, label: string])[],
    value: Value,
    onChange: (value: Value) => void,
  ) {
    const name = newId('segments');
    this.#inputs = choices.map(([value]) => element('input', { type: 'radio', name, value }));
    this.element = element(
      'fieldset',
      { class: 'segments' },
      element('legend', { class: 'visually-hidden' }, legend),
      ...choices.map(([, label], i) =>
        element('label', {}, this.#inputs[i] as HTMLInputElement, element('span', {}, label)),
      ),
    );
    this.value = value;
    this.element.addEventListener('change', () => onChange(this.value));
  }

  get value(): Value {
    return this.#inputs.find(({ checked }) => checked)?.value as Value;
  }

  set value(value: Value) {
    for (const input of this.#inputs) input.checked = input.value === value;
  }
}

/** A check box with its label. */
export function checkbox(label: string, checked: boolean, onChange: (checked: boolean) => void) {
  const input = element('input', { type: 'checkbox' });
  input.checked = checked;
  input.addEventListener('change', () => onChange(input.checked));
  return { element: element('label', { class: 'check' }, input, element('span', {}, label)), input };
}

/** A button of the page's look. */
export function button(label: string, onClick: () => void, look = ''): HTMLButtonElement {
  const made = element('button', { type: 'button', class: `button ${look}`.trim() }, label);
  made.addEventListener('click', onClick);
  return made;
}

/**
 * Runs work that must not overlap, such as what a slider asks for: calls while it runs become one more run after it.
 * Resolves when nothing is left to do, also after an error.
 */
export function coalesce(work: () => Promise<void>, onError: (error: unknown) => void): () => Promise<void> {
  let running: Promise<void> | undefined;
  let again = false;
  const run = async () => {
    do {
      again = false;
      await work().catch(onError);
    } while (again);
  };
  return () => {
    if (running) again = true;
    else
      running = run().finally(() => {
        running = undefined;
      });
    return running;
  };
}

/** Hands a file to the visitor. */
export function download(blob: Blob, name: string): void {
  const link = element('a', { href: URL.createObjectURL(blob), download: name });
  link.click();
  // Firefox begins after the click returned.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
