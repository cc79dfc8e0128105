import { element } from '../dom.js';
import { heatmap, type Maps, mapOf } from '../heatmap.js';

export type Head = number | 'mean' | 'off';

const name = (head: Head) =>
  head === 'off' ? 'No map' : head === 'mean' ? 'Mean of the heads' : `Head ${head + 1}`;
const sign = (head: Head) => (head === 'off' ? 'Off' : head === 'mean' ? 'Mean' : String(head + 1));

/** The choice of a head: a radio group whose labels are the heads' maps. Keys: 1 … 9, M mean, O off. */
export class HeadChips {
  head: Head = 'mean';
  #group: HTMLElement;
  #onChange: () => void;
  #shown = 0;

  /** @param group - a fieldset's inside; its id becomes the name of the radio buttons */
  constructor(group: HTMLElement, onChange: () => void) {
    this.#group = group;
    this.#onChange = onChange;
    this.#group.addEventListener('change', (event) => this.#choose((event.target as HTMLInputElement).value));
  }

  /** Shows a photo's maps on the chips, as many as the model has heads. */
  show(maps: Maps): void {
    if (this.#shown !== maps.heads) this.#build(maps.heads);
    for (const chip of this.#group.querySelectorAll<HTMLElement>('[data-head]')) {
      const value = chip.dataset.head as string;
      if (value === 'off') continue;
      const map = mapOf(maps, value === 'mean' ? 'mean' : Number(value));
      const picture = heatmap(map, maps.rows, maps.columns, Math.max(1, Math.round(56 / maps.columns)), 1);
      chip.querySelector('canvas')?.replaceWith(picture);
      picture.setAttribute('aria-hidden', 'true');
    }
  }

  /** Whether the key chose a head. */
  key(key: string): boolean {
    const values: Record<string, string> = { m: 'mean', o: 'off' };
    const value = values[key.toLowerCase()] ?? (/^[1-9]$/.test(key) ? String(Number(key) - 1) : undefined);
    const input = this.#group.querySelector<HTMLInputElement>(`input[value="${value}"]`);
    if (!input) return false;
    input.checked = true;
    this.#choose(input.value);
    return true;
  }

  get label(): string {
    return name(this.head);
  }

  #choose(value: string): void {
    this.head = value === 'mean' || value === 'off' ? value : Number(value);
    this.#onChange();
  }

  #build(heads: number): void {
    this.#shown = heads;
    if (typeof this.head === 'number' && this.head >= heads) this.head = 'mean';
    const choices: Head[] = ['mean', ...Array.from({ length: heads }, (_, i) => i), 'off'];
    this.#group.replaceChildren(
      ...choices.map((head) => {
        const input = element('input', {
          type: 'radio',
          name: this.#group.id,
          value: String(head),
          class: 'visually-hidden',
        });
        input.setAttribute('aria-label', name(head));
        input.checked = head === this.head;
        const picture = head === 'off' ? element('span', { class: 'no-map' }) : element('canvas');
        const chip = element('label', { class: 'chip', title: name(head) }, input, picture);
        chip.append(element('span', { class: 'chip-sign', 'aria-hidden': 'true' }, sign(head)));
        chip.dataset.head = String(head);
        return chip;
      }),
    );
  }
}
