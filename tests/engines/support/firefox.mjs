// Firefox through Puppeteer and WebDriver BiDi.
import puppeteer from 'puppeteer-core';
import { findFirefox } from '../../../scripts/setup/browsers.mjs';
import { Page } from './page.mjs';

/** @param {{ prefs?: object }} [options] of about:config */
export async function launch({ prefs = {} } = {}) {
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: findFirefox(),
    headless: true,
    extraPrefsFirefox: prefs,
    protocolTimeout: 300_000,
  });
  return {
    version: `Firefox ${(await browser.version()).match(/\d+/)[0]}`,
    async open() {
      const context = await browser.createBrowserContext();
      return new FirefoxPage(context, await context.newPage());
    },
    close: () => browser.close(),
  };
}

class FirefoxPage extends Page {
  #context;
  #page;

  constructor(context, page) {
    super();
    this.#context = context;
    this.#page = page;
    page.on('console', (message) => this.said(message.type(), message.text()));
    page.on('pageerror', (error) => this.said('uncaught', error.stack));
  }

  async goto(url) {
    await this.#page.goto(url, { timeout: 60_000 });
  }

  run(f, argument) {
    return this.#page.evaluate(f, argument);
  }

  async upload(selector, paths) {
    const input = await this.#page.$(selector);
    await input.uploadFile(...paths);
  }

  async screenshot(path) {
    await this.#page.screenshot({ path });
  }

  setSize(size) {
    return this.#page.setViewport(size);
  }

  close() {
    return this.#context.close();
  }
}
