// What a test does with a page, in every engine in the same way.
import { readFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { setTimeout } from 'node:timers/promises';

const TYPES = { '.png': 'image/png', '.jpg': 'image/jpeg', '.jpeg': 'image/jpeg' };

/** The page, or the browser, has not answered in time: nothing that is asked after it is answered either. */
export class NoAnswer extends Error {}

/**
 * A page of a browser that keeps nothing from other pages. An engine's own has `goto(url)`, `run(f, argument)`,
 * `upload(selector, paths)`, `screenshot(path)`, `setSize({ width, height })` and `close()`.
 */
export class Page {
  #said = [];

  /** What the driver hears of the console. */
  said(type, text) {
    if (['error', 'warn', 'warning', 'uncaught'].includes(type)) this.#said.push(`${type}: ${text}`);
  }

  /**
   * What `f(argument)` resolves to in the page; both must be JSON, and `f` sees nothing of the test.
   * @param {number} [timeout] milliseconds, after which it counts as hanging
   */
  async evaluate(f, argument, timeout = 120_000) {
    const late = new AbortController();
    const answer = this.run(f, argument);
    answer.catch(() => {});
    try {
      return await Promise.race([
        answer,
        setTimeout(timeout, undefined, { signal: late.signal }).then(() => {
          throw new NoAnswer(`The page has not answered for ${timeout / 1000} s.`);
        }),
      ]);
    } finally {
      late.abort();
    }
  }

  /** Waits until `f(argument)` is true in the page. Not the drivers' own, which need `eval`. */
  async until(f, argument, timeout = 120_000) {
    for (const end = Date.now() + timeout; Date.now() < end; await setTimeout(100)) {
      if (await this.evaluate(f, argument)) return;
    }
    throw new Error(`It has not become true for ${timeout / 1000} s: ${f}`);
  }

  /** Drops files on an element. */
  drop(selector, paths) {
    const files = paths.map((path) => ({
      name: basename(path),
      type: TYPES[extname(path)],
      base64: readFileSync(path, 'base64'),
    }));
    return this.evaluate(
      ({ selector, files }) => {
        const dataTransfer = new DataTransfer();
        for (const { name, type, base64 } of files) {
          const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
          dataTransfer.items.add(new File([bytes], name, { type }));
        }
        for (const type of ['dragenter', 'dragover', 'drop']) {
          const event = new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer });
          document.querySelector(selector).dispatchEvent(event);
        }
      },
      { selector, files },
    );
  }

  /** What has gone wrong since it was last asked for: the console, uncaught errors, violations of the policy. */
  async problems() {
    // site/problems.js keeps them in the page: WebKit's driver hears nothing.
    const inPage = await this.evaluate(() => globalThis.problems?.splice(0) ?? []);
    return [...new Set([...this.#said.splice(0), ...inPage])];
  }
}
