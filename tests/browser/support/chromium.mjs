// Chromium.
import { chromium } from 'playwright-core';
import { findChromium } from '../../../scripts/setup/browsers.mjs';

export const launchChromium = (args = []) =>
  chromium.launch({
    executablePath: findChromium(),
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', ...args],
  });
