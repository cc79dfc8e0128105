import { type App, fullName, type Photo, type Tab, type TabView } from '../app.js';
import { button, coalesce, download, Segments } from '../controls.js';
import { element, plural } from '../dom.js';
import { Accuracy } from './teach-accuracy.js';
import { Cards, type Said } from './teach-cards.js';
import { ClassList } from './teach-classes.js';
import { type Examples, type Learned, learn, type Method } from './teach-learner.js';
import { type Lesson, Lessons } from './teach-lessons.js';

export const teachTab: Tab = {
  id: 'teach',
  label: 'Teach',
  icon: 'M3 9.5 12 5l9 4.5-9 4.5zM7 12v4.5c2.8 2 7.2 2 10 0V12M21 9.5v5.5',
  mount: (panel, app) => new TeachView(panel, app),
};

const METHODS = [
  ['knn', 'k-NN'],
  ['probe', 'Linear probe'],
] as const;

const NEXT = 16;
/** With photos that come one after another it learns anew this often. */
const CROWD_MS = 1000;
const AT_ONCE = 60;

class TeachView implements TabView {
  #app: App;
  #shown = false;
  #lessons: Lessons;
  #classes: ClassList;
  #vectors = new Map<string, Float32Array>();
  #learned: Learned | undefined;
  #waiting: ReturnType<typeof setTimeout> | undefined;
  #limit = AT_ONCE;

  #method = new Segments<Method>('Predicted by', METHODS, 'probe', () => this.#draw());
  #next = new Cards('Photos to label next', (photo, key) => this.#assign(photo, key));
  #all = new Cards('All photos', (photo, key) => this.#assign(photo, key));
  #nextPart: HTMLElement;
  #hint = element('p', { class: 'teach-hint muted' });
  #more = button('Show more', () => {
    this.#limit += AT_ONCE;
    this.#draw();
  });
  #filter = element('select', { id: 'teach-filter' });
  #accuracy: Accuracy;
  #file = element('input', { type: 'file', accept: '.json,application/json', 'aria-label': 'Saved classes' });
  #undo = button('Undo', () => {
    this.#lessons.undo();
    this.#app.announce('The classes are as before.');
  });
  #needClasses: HTMLButtonElement[];

  constructor(panel: HTMLElement, app: App) {
    this.#app = app;
    this.#lessons = new Lessons(app, () => this.#learnIfShown());
    this.#accuracy = new Accuracy(app);
    this.#classes = new ClassList(this.#lessons, {
      onActive: () => this.#draw(),
      onDrop: (id, lesson) => {
        const photo = app.photos.find((one) => one.id === id);
        if (photo) this.#give(photo, lesson);
      },
      onTold: (text) => app.announce(text),
    });
    this.#nextPart = element(
      'section',
      { class: 'teach-next', 'aria-labelledby': 'teach-next-title' },
      element('h2', { id: 'teach-next-title' }, 'Label these next'),
      element('p', { class: 'muted small' }, 'What it is least sure of teaches it the most.'),
      this.#next.element,
    );
    const save = button('Save as JSON', () => this.#save());
    const saveProbe = button('Save the probe', () => this.#saveProbe());
    const clear = button('Clear', () => this.#lessons.clear(), 'danger');
    const load = button('Load', () => this.#file.click());
    this.#needClasses = [save, saveProbe, clear];
    this.#build(panel, [save, load, saveProbe, clear, this.#undo]);
    app.on('model', () => {
      this.#vectors.clear();
      this.#learned = undefined;
      this.#accuracy.forget();
      this.#learnIfShown();
    });
    app.on('photos', () => this.#photosChanged());
  }

  show(): void {
    this.#shown = true;
    this.#learnIfShown();
  }

  hide(): void {
    this.#shown = false;
  }

  #build(panel: HTMLElement, buttons: HTMLButtonElement[]): void {
    panel.classList.add('teach');
    this.#file.hidden = true;
    this.#file.addEventListener('change', () => {
      const [chosen] = this.#file.files ?? [];
      if (chosen) this.#load(chosen);
      this.#file.value = '';
    });
    const filter = element(
      'div',
      { class: 'teach-filter' },
      element('label', { for: this.#filter.id, class: 'visually-hidden' }, 'Which photos'),
      this.#filter,
    );
    this.#filter.addEventListener('change', () => {
      this.#limit = AT_ONCE;
      this.#draw();
    });
    const all = element(
      'section',
      { 'aria-labelledby': 'teach-all-title' },
      element('header', {}, element('h2', { id: 'teach-all-title' }, 'Photos'), filter),
      this.#all.element,
      this.#more,
    );
    const controls = element(
      'div',
      { class: 'panel' },
      element('div', { class: 'panel-group' }, element('h3', {}, 'Predicted by'), this.#method.element),
      this.#accuracy.element,
      element('div', { class: 'buttons' }, ...buttons, this.#file),
    );
    const classes = element('div', { class: 'panel teach-classes' }, this.#classes.element);
    const side = element('div', { class: 'teach-side' }, classes, controls);
    const photos = element('div', { class: 'teach-photos' }, this.#hint, this.#nextPart, all);
    panel.append(element('div', { class: 'workbench' }, photos, side));
  }

  /** A click gives the active class, or takes it back; a digit gives the class of that number, 0 and Delete none. */
  #assign(photo: Photo, key?: string): void {
    const { classes } = this.#lessons;
    if (classes.length === 0) {
      this.#app.announce('Make a class first.');
      this.#classes.element.querySelector<HTMLElement>('#class-name')?.focus();
      return;
    }
    const { active } = this.#classes;
    if (key === undefined)
      this.#give(photo, this.#lessons.labelOf(photo) === active?.name ? undefined : active);
    else if (/[1-9]/.test(key)) {
      const lesson = classes[Number(key) - 1];
      if (lesson) this.#give(photo, lesson);
    } else this.#give(photo, undefined);
  }

  #give(photo: Photo, lesson: Lesson | undefined): void {
    this.#lessons.assign(photo, lesson);
    const what = lesson ? `an example of ${lesson.name}` : 'no example any more';
    this.#app.announce(`${fullName(photo)} is ${what}.`);
  }

  /** While photos are embedded they come in crowds. */
  #photosChanged(): void {
    if (!this.#shown) return;
    this.#draw();
    this.#waiting ??= setTimeout(() => {
      this.#waiting = undefined;
      if (this.#shown) this.#learn();
    }, CROWD_MS);
  }

  #learnIfShown(): void {
    if (!this.#shown) return;
    this.#draw();
    this.#learn();
  }

  /** Examples of two classes or more, as far as they are embedded. */
  #examples(): Examples | undefined {
    const examples: Examples = { vectors: [], labels: [], key: '' };
    for (const photo of this.#lessons.examples()) {
      const vector = this.#vectors.get(photo.id);
      if (!vector) continue;
      examples.vectors.push(vector);
      const label = this.#lessons.labelOf(photo) as string;
      examples.labels.push(label);
      examples.key += JSON.stringify([photo.id, label]);
    }
    return new Set(examples.labels).size < 2 ? undefined : examples;
  }

  #learn = coalesce(
    async () => {
      const { model } = this.#app;
      if (!model || !(await this.#collect())) return;
      const examples = this.#examples();
      const others = new Map(this.#vectors);
      for (const { id } of this.#lessons.examples()) others.delete(id);
      const learned =
        examples && (await this.#app.task('Learning', (signal) => learn(model, examples, others, signal)));
      if (model !== this.#app.model || (examples && !learned)) return;
      this.#learned = learned;
      this.#draw();
    },
    (error) => this.#app.fail(error),
  );

  /** Reads the vectors that are new. @returns false where model or index were exchanged meanwhile */
  async #collect(): Promise<boolean> {
    const { index, model, photos } = this.#app;
    try {
      for (const { id, embedded } of [...photos]) {
        if (!embedded || this.#vectors.has(id)) continue;
        const vector = (await index?.get(id))?.vector;
        if (model !== this.#app.model) return false;
        if (vector) this.#vectors.set(id, vector);
      }
    } catch (error) {
      if (index === this.#app.index) this.#app.fail(error);
      return false;
    }
    const here = new Set(photos.map(({ id }) => id));
    for (const id of this.#vectors.keys()) if (!here.has(id)) this.#vectors.delete(id);
    return true;
  }

  #draw(): void {
    const { photos } = this.#app;
    const { classes } = this.#lessons;
    this.#classes.show();
    this.#drawFilter();
    const say = (photo: Photo) => this.#say(photo);
    const next = this.#leastSure();
    this.#nextPart.hidden = next.length === 0;
    this.#next.show(next, say);
    const shown = photos.filter((photo) => this.#passes(photo));
    this.#all.show(shown.slice(0, this.#limit), say);
    this.#more.hidden = shown.length <= this.#limit;
    this.#hint.textContent = this.#advice();
    this.#hint.hidden = this.#hint.textContent === '';
    this.#undo.hidden = !this.#lessons.canUndo;
    for (const each of this.#needClasses) each.disabled = classes.length === 0;
    (this.#needClasses[1] as HTMLButtonElement).disabled = !this.#learned;
    this.#accuracy.show(this.#examples(), this.#learned);
  }

  #say(photo: Photo): Said {
    const example = this.#lessons.lesson(this.#lessons.labelOf(photo));
    const prediction = example ? undefined : this.#learned?.[this.#method.value].get(photo.id);
    const colour = this.#lessons.lesson(prediction?.label)?.colour;
    return {
      example,
      prediction,
      colour,
      pressed: example !== undefined && example === this.#classes.active,
    };
  }

  #leastSure(): Photo[] {
    const said = this.#learned?.[this.#method.value];
    if (!said) return [];
    const sure = (photo: Photo) => said.get(photo.id)?.probability ?? 1;
    return this.#app.photos
      .filter((photo) => said.has(photo.id) && this.#lessons.labelOf(photo) === undefined)
      .sort((a, b) => sure(a) - sure(b))
      .slice(0, NEXT);
  }

  #advice(): string {
    const { classes } = this.#lessons;
    if (classes.length < 2)
      return 'Make two classes or more, then click photos that are examples of them: a few of each are enough.';
    const bare = classes.filter(({ name }) => this.#lessons.examples(name).length === 0);
    const { active } = this.#classes;
    if (bare.length > 0)
      return `Click a photo to make it an example of ${active?.name}, or press the number of a class on it. Still without one: ${bare.map(({ name }) => name).join(', ')}.`;
    return '';
  }

  #drawFilter(): void {
    const { value } = this.#filter;
    const choices: [string, string][] = [
      ['', 'All photos'],
      ['examples', 'Examples'],
      ['others', 'Without a label'],
      ...this.#lessons.classes.map(({ name }): [string, string] => [`is ${name}`, `Said to be ${name}`]),
    ];
    if (`${choices}` === this.#filter.dataset.choices) return;
    this.#filter.dataset.choices = `${choices}`;
    this.#filter.replaceChildren(...choices.map(([id, label]) => element('option', { value: id }, label)));
    this.#filter.value = choices.some(([id]) => id === value) ? value : '';
  }

  #passes(photo: Photo): boolean {
    const { value } = this.#filter;
    const label = this.#lessons.labelOf(photo);
    if (value === 'examples') return label !== undefined;
    if (value === 'others') return label === undefined;
    const said = label ?? this.#learned?.[this.#method.value].get(photo.id)?.label;
    return value === '' || value === `is ${said}`;
  }

  /** Classes and examples, and what is predicted of the other photos. */
  #save(): void {
    const { model, photos } = this.#app;
    const predictions = photos.flatMap((photo) => {
      const [knn, probe] = [this.#learned?.knn.get(photo.id), this.#learned?.probe.get(photo.id)];
      return knn && probe ? [{ photo: fullName(photo), knn, probe }] : [];
    });
    const saved = { ...this.#lessons.save(), model: model?.config.name, predictions };
    download(new Blob([JSON.stringify(saved, null, 2)], { type: 'application/json' }), 'classes.json');
  }

  /** For LinearProbe.load of vitreous/recipes. */
  #saveProbe(): void {
    if (this.#learned) download(new Blob([this.#learned.fitted.save()]), 'linear-probe.safetensors');
  }

  async #load(file: File): Promise<void> {
    try {
      const { found, total } = this.#lessons.load(await parsed(file));
      this.#app.announce(`${found} of ${plural(total, 'example')} are in this collection.`);
    } catch (error) {
      this.#app.fail(error);
    }
  }
}

async function parsed(file: File): Promise<unknown> {
  try {
    return JSON.parse(await file.text());
  } catch (cause) {
    throw new Error(`${file.name} is no JSON file.`, { cause });
  }
}
