// Chromium through Playwright.
import { launchChromium } from '../../browser/support/chromium.mjs';
import { Page } from './page.mjs';

/** @param {{ flags?: string[] }} [options] command-line flags of Chromium */
export async function launch({ flags = [] } = {}) {
  const browser = await launchChromium(flags);
  return {
    version: `Chromium ${browser.version().split('.')[0]}`,
    async open() {
      const context = await browser.newContext();
      return new ChromiumPage(context, await context.newPage());
    },
    close: () => browser.close(),
  };
}

class ChromiumPage extends Page {
  #context;
  #page;

  constructor(context, page) {
    super();
    this.#context = context;
    this.#page = page;
    page.on('console', (message) => {
      // Chromium tells of its software WebGL that it is slow.
      if (!message.text().includes('GL Driver Message')) this.said(message.type(), message.text());
    });
    page.on('pageerror', (error) => this.said('uncaught', error.stack));
  }

  async goto(url) {
    await this.#page.goto(url, { timeout: 60_000 });
  }

  run(f, argument) {
    return this.#page.evaluate(f, argument);
  }

  async upload(selector, paths) {
    await this.#page.setInputFiles(selector, paths);
  }

  async screenshot(path) {
    await this.#page.screenshot({ path });
  }

  setSize(size) {
    return this.#page.setViewportSize(size);
  }

  close() {
    return this.#context.close();
  }
}
