// Small things that are kept over reloads: the theme, the model, where a slider stood.

const PREFIX = 'vitreous demo: ';

/** What was kept; undefined if nothing was, or the browser keeps nothing. */
export function recall<T>(name: string): T | undefined {
  try {
    const text = localStorage.getItem(PREFIX + name);
    return text === null ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Undefined forgets it. */
export function keep(name: string, value: unknown): void {
  try {
    if (value === undefined) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {} // it is not kept then
}
