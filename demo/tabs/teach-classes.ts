import { button } from '../controls.js';
import { element, plural } from '../dom.js';
import { DRAGGED } from './teach-cards.js';
import type { Lesson, Lessons } from './teach-lessons.js';

export interface ClassListEvents {
  /** Another class is the one that a click gives. */
  onActive(): void;
  /** A photo was dropped on a class. */
  onDrop(id: string, lesson: Lesson): void;
  /** Something to read out. */
  onTold(text: string): void;
}

/** The classes: which one a click gives, their colours, names and numbers of examples. */
export class ClassList {
  readonly element: HTMLElement;
  #lessons: Lessons;
  #events: ClassListEvents;
  #list = element('ul', { class: 'classes', role: 'list' });
  #name = element('input', { type: 'text', id: 'class-name', maxlength: '60', placeholder: 'cats' });
  #active: Lesson | undefined;

  constructor(lessons: Lessons, events: ClassListEvents) {
    this.#lessons = lessons;
    this.#events = events;
    const add = element('button', { type: 'submit', class: 'button primary' }, 'Add');
    const form = element(
      'form',
      { class: 'class-form' },
      element('label', { for: 'class-name' }, 'New class'),
      element('div', {}, this.#name, add),
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const name = this.#name.value.trim();
      if (!name) return this.#name.focus();
      this.#name.value = '';
      this.#active = lessons.add(name);
      events.onTold(`${name} is the class that a click gives.`);
      events.onActive();
    });
    this.element = element('div', { class: 'panel-group' }, element('h3', {}, 'Classes'), this.#list, form);
  }

  /** The class that a click gives. */
  get active(): Lesson | undefined {
    const { classes } = this.#lessons;
    return this.#active && classes.includes(this.#active) ? this.#active : classes[0];
  }

  /** As they are now; inputs that are in use stay. */
  show(): void {
    const { classes } = this.#lessons;
    const rows = [...this.#list.children] as ClassRow[];
    if (rows.length !== classes.length || rows.some((row, i) => row.lesson !== classes[i]))
      this.#list.replaceChildren(...classes.map((lesson, i) => this.#row(lesson, i)));
    for (const row of this.#list.children as unknown as Iterable<ClassRow>) {
      const count = this.#lessons.examples(row.lesson.name).length;
      row.update(row.lesson === this.active, count);
    }
  }

  #row(lesson: Lesson, at: number): ClassRow {
    const pick = element('input', { type: 'radio', name: 'class', 'aria-label': lesson.name });
    const colour = element('input', { type: 'color', value: lesson.colour });
    const name = element('input', { type: 'text', class: 'class-name', value: lesson.name, maxlength: '60' });
    const count = element('span', { class: 'muted class-count' });
    const remove = button('', () => {
      this.#lessons.remove(lesson);
      this.#events.onTold(`${lesson.name} is removed.`);
      this.#name.focus();
    });
    remove.className = 'icon-button class-remove';
    const key = element('kbd', { 'aria-hidden': 'true' }, at < 9 ? String(at + 1) : '');
    const row = Object.assign(element('li', { class: 'class' }, pick, key, colour, name, count, remove), {
      lesson,
      update(active: boolean, examples: number) {
        pick.checked = active;
        pick.setAttribute('aria-label', `A click gives ${lesson.name}`);
        colour.setAttribute('aria-label', `Colour of ${lesson.name}`);
        name.setAttribute('aria-label', `Name of ${lesson.name}`);
        remove.setAttribute('aria-label', `Remove ${lesson.name}`);
        row.classList.toggle('is-active', active);
        row.style.setProperty('--class', lesson.colour);
        row.dataset.name = lesson.name;
        count.textContent = String(examples);
        count.title = plural(examples, 'example');
      },
    });
    pick.addEventListener('change', () => {
      this.#active = lesson;
      this.#events.onActive();
    });
    colour.addEventListener('input', () => this.#lessons.colour(lesson, colour.value));
    name.addEventListener('change', () => {
      if (!this.#lessons.rename(lesson, name.value)) {
        this.#events.onTold(`${name.value.trim() || 'Nothing'} cannot be its name: names are different.`);
        name.value = lesson.name;
      }
    });
    row.addEventListener('dragover', (event) => {
      if (!event.dataTransfer?.types.includes(DRAGGED)) return;
      event.preventDefault();
      row.classList.add('is-over');
    });
    row.addEventListener('dragleave', () => row.classList.remove('is-over'));
    row.addEventListener('drop', (event) => {
      row.classList.remove('is-over');
      const id = event.dataTransfer?.getData(DRAGGED);
      if (!id) return;
      event.preventDefault();
      this.#events.onDrop(id, lesson);
    });
    return row;
  }
}

type ClassRow = HTMLLIElement & { lesson: Lesson; update(active: boolean, examples: number): void };
