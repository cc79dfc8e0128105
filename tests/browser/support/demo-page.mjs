// Chromium, and the built demo in it.
import { chromium } from 'playwright-core';

export const DESKTOP = { width: 1280, height: 900 };
export const PHONE = { width: 390, height: 844 };
export const NARROW = { width: 360, height: 640 };

export const launchChromium = (args = []) =>
  chromium.launch({
    executablePath: process.env.CHROME_PATH ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', ...args],
  });

/** Opens the page and keeps a list of all that goes wrong in it, or leaves its origin. */
export async function openPage(browser, url) {
  const context = await browser.newContext({ viewport: DESKTOP });
  const page = await context.newPage();
  const problems = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`uncaught: ${error.stack}`));
  page.on('request', (request) => {
    const { protocol, href } = new URL(request.url());
    if (protocol !== 'blob:' && !href.startsWith(url)) problems.push(`request: ${href}`);
  });
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  await page.goto(url);
  await page.waitForFunction(() => document.getElementById('model-facts').textContent !== '');
  return { page, problems };
}

/** Waits until this many photos are embedded. */
export const embedded = (page, count) =>
  page.waitForFunction(
    (text) => document.getElementById('count').textContent === text,
    `${count} photo${count === 1 ? '' : 's'}`,
    { timeout: 120_000 },
  );
