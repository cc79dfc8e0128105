import { type App, fullName, type Photo } from '../app.js';
import { keep, recall } from '../state.js';

/** A class to be told apart from others. */
export interface Lesson {
  name: string;
  colour: string;
}

/** What a class is saved as: its photos by their ids here, and by their names for another collection. */
interface SavedClass extends Lesson {
  photos: { id: string; name: string }[];
}

export interface SavedLessons {
  format: 'vitreous-classes';
  version: 1;
  classes: SavedClass[];
}

const FORMAT = 'vitreous-classes';
const KEPT = 'classes';
// Far apart in hue, and readable as a line on light and on dark.
const COLOURS = [
  '#d9552b',
  '#1f9e89',
  '#5a6fe0',
  '#c99400',
  '#b5489a',
  '#3585c5',
  '#6f9a2a',
  '#96624a',
  '#7b8191',
];

/** The classes and which photo is an example of which; kept over reloads, whatever model is in use. */
export class Lessons {
  #app: App;
  #onChange: () => void;
  #classes: Lesson[] = [];
  #labels = new Map<string, string>();
  #before: SavedLessons | undefined;

  constructor(app: App, onChange: () => void) {
    this.#app = app;
    this.#onChange = onChange;
    const kept = recall<SavedLessons>(KEPT);
    try {
      if (kept) this.#read(kept, (id) => id);
    } catch {} // kept by another version
  }

  get classes(): readonly Lesson[] {
    return this.#classes;
  }

  labelOf({ id }: Photo): string | undefined {
    return this.#labels.get(id);
  }

  lesson(name: string | undefined): Lesson | undefined {
    return this.#classes.find((one) => one.name === name);
  }

  /** Examples that are in the collection, in its order. */
  examples(name?: string): Photo[] {
    const counts = (label: string | undefined) => (name === undefined ? label !== undefined : label === name);
    return this.#app.photos.filter(({ id }) => counts(this.#labels.get(id)));
  }

  /** @returns the class of that name, which may have been there */
  add(name: string): Lesson {
    const known = this.lesson(name);
    if (known) return known;
    const used = this.#classes.map(({ colour }) => colour);
    const colour =
      COLOURS.find((each) => !used.includes(each)) ?? (COLOURS[used.length % COLOURS.length] as string);
    const made = { name, colour };
    this.#classes.push(made);
    this.#changed();
    return made;
  }

  /** @returns false where another class has that name, or it is none */
  rename(lesson: Lesson, name: string): boolean {
    const wanted = name.trim();
    if (!wanted || (this.lesson(wanted) ?? lesson) !== lesson) return false;
    for (const [id, label] of this.#labels) if (label === lesson.name) this.#labels.set(id, wanted);
    lesson.name = wanted;
    this.#changed();
    return true;
  }

  colour(lesson: Lesson, colour: string): void {
    lesson.colour = colour;
    this.#changed();
  }

  remove(lesson: Lesson): void {
    this.#before = this.save();
    this.#classes = this.#classes.filter((one) => one !== lesson);
    for (const [id, label] of this.#labels) if (label === lesson.name) this.#labels.delete(id);
    this.#changed();
  }

  /** Makes a photo an example; undefined: of nothing. */
  assign({ id }: Photo, lesson: Lesson | undefined): void {
    if (lesson) this.#labels.set(id, lesson.name);
    else this.#labels.delete(id);
    this.#changed();
  }

  clear(): void {
    this.#before = this.save();
    this.#classes = [];
    this.#labels.clear();
    this.#changed();
  }

  /** Whether there is something that was removed, cleared or replaced. */
  get canUndo(): boolean {
    return this.#before !== undefined;
  }

  undo(): void {
    if (!this.#before) return;
    this.#read(this.#before, (id) => id);
    this.#before = undefined;
    this.#changed();
  }

  save(): SavedLessons {
    const photosOf = (name: string) =>
      this.examples(name).map((photo) => ({ id: photo.id, name: fullName(photo) }));
    const classes = this.#classes.map((lesson) => ({ ...lesson, photos: photosOf(lesson.name) }));
    return { format: FORMAT, version: 1, classes };
  }

  /**
   * Takes saved classes in place of these; photos are found by their id, else by their name.
   * @returns how many examples there were, and how many of them are in the collection
   * @throws for anything but saved classes; nothing is changed then
   */
  load(saved: unknown): { found: number; total: number } {
    const before = this.save();
    const ids = new Set(this.#app.photos.map(({ id }) => id));
    const named = new Map(this.#app.photos.map((photo) => [fullName(photo), photo.id]));
    const counts = this.#read(saved, (id, name) => (ids.has(id) ? id : named.get(name)));
    this.#before = before;
    this.#changed();
    return counts;
  }

  #read(saved: unknown, find: (id: string, name: string) => string | undefined) {
    const classes = checked(saved);
    this.#classes = classes.map(({ name, colour }) => ({ name, colour }));
    this.#labels.clear();
    let total = 0;
    for (const { name, photos } of classes) {
      for (const photo of photos) {
        const id = find(photo.id, photo.name);
        if (id !== undefined) this.#labels.set(id, name);
        total++;
      }
    }
    return { found: this.#labels.size, total };
  }

  #changed(): void {
    keep(KEPT, this.#classes.length > 0 ? this.save() : undefined);
    this.#onChange();
  }
}

/** @throws for anything but saved classes */
function checked(saved: unknown): SavedClass[] {
  const { format, version, classes } = (saved ?? {}) as Partial<SavedLessons>;
  if (format !== FORMAT || !Array.isArray(classes))
    throw new Error('This file holds no classes: a JSON file that was saved here does.');
  if (version !== 1)
    throw new Error(`These classes were saved as version ${version}; this page reads version 1.`);
  const isText = (value: unknown) => typeof value === 'string' && value !== '';
  const good = classes.every(
    ({ name, colour, photos }) =>
      isText(name) &&
      /^#[0-9a-f]{6}$/i.test(colour) &&
      Array.isArray(photos) &&
      photos.every((photo) => isText(photo?.id) && isText(photo?.name)),
  );
  if (!good || new Set(classes.map(({ name }) => name)).size < classes.length)
    throw new Error('The classes in this file are damaged: each has a name of its own, a colour and photos.');
  return classes;
}
