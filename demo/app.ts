import type { VisionTransformer, Weights } from 'vitreous';
import type { SearchIndex } from 'vitreous/search';

/** A photo of the collection. Its pixels are read when they are needed: {@link App.pixels}. */
export interface Photo {
  /** Also its id in the index. */
  readonly id: string;
  readonly name: string;
  /** What was done to it, for an edited copy among the samples. */
  readonly edit?: string | undefined;
  /** Upright size of the original; 0 until it is known. */
  readonly width: number;
  readonly height: number;
  /** Bytes of the original. */
  readonly bytes: number;
  /** Object URL of the square in the photo's middle; undefined until it is made, or where the page cannot show it. */
  readonly thumbnail: string | undefined;
  /** Whether the index has it. */
  readonly embedded: boolean;
}

/** What the tabs share: one model, one collection, one selected photo. */
export interface App {
  /** The one in use. */
  readonly model: VisionTransformer | undefined;
  /** Where its weights came from, to make another of the same; undefined: as createModel finds them by the name. */
  readonly weights: Weights | undefined;
  /** In the order in which they came, embedded or waiting. */
  readonly photos: readonly Photo[];
  /** Over those that are embedded. */
  readonly index: SearchIndex | undefined;
  readonly selected: Photo | undefined;
  select(photo: Photo | undefined): void;
  /** The kept copy, its longer side at most 1024 pixels: what models and canvases read. */
  pixels(photo: Photo): Promise<Blob>;
  /** Takes photos out of the collection. */
  remove(photos: Photo[]): Promise<void>;
  /** Shows a tab; `#id` in the address does the same. */
  open(tab: string): void;
  /** @returns a function that ends it */
  on(event: 'model' | 'photos' | 'selected', listener: () => void): () => void;
  /**
   * Long work: the status bar shows its label, its progress and Cancel. It ends with the tab: leaving that cancels it.
   * @returns undefined when it was cancelled, or failed: then the notice says why
   */
  task<T>(
    label: string,
    work: (signal: AbortSignal, progress: (done: number, total: number) => void) => Promise<T>,
  ): Promise<T | undefined>;
  /** Shows an error on the page. */
  fail(error: unknown): void;
  /** Lets a screen reader say something. */
  announce(text: string): void;
}

export interface Tab {
  id: string;
  label: string;
  /** The path of its icon, 24 × 24, drawn as a line. */
  icon: string;
  /** Whether there is something to do without photos; otherwise the page shows how to add some instead. */
  worksEmpty?: boolean;
  /** Fills the panel, once, at the first visit; `show` follows. */
  mount(panel: HTMLElement, app: App): TabView;
}

export interface TabView {
  show(): void;
  /** The tab is left: what costs time or the camera ends. */
  hide(): void;
}

/** The name of a photo with what was done to it. */
export const fullName = ({ name, edit }: Pick<Photo, 'name' | 'edit'>) => (edit ? `${name}, ${edit}` : name);
