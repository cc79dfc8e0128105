// Chromium.
import { chromium } from 'playwright-core';
import { findChromium } from '../../../scripts/setup/browsers.mjs';

/** `options` are more of Playwright's. */
export const launchChromium = (args = [], options = {}) =>
  chromium.launch({
    ...options,
    executablePath: findChromium(),
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', ...args],
  });
