// WebKitGTK's MiniBrowser through WebKitWebDriver, which speaks W3C WebDriver, on a display of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { findWebKit } from '../../../scripts/setup/browsers.mjs';
import { Page } from './page.mjs';

const TIMEOUT = 300_000;
const START_TIMEOUT = 60_000;
const STOP_TIMEOUT = 10_000;

/** @param {{ env?: object }} [options] variables for WebKit, such as `JSC_…` */
export async function launch({ env = {} } = {}) {
  const programs = findWebKit();
  // Xvfb picks a free display and tells it on descriptor 3.
  const display = spawn(
    programs.display,
    ['-displayfd', '3', '-screen', '0', '1600x1200x24', '-nolisten', 'tcp'],
    { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] },
  );
  const children = [display];
  const close = async () => {
    for (const child of children.reverse()) await ended(child);
  };
  try {
    const [number] = await once(display.stdio[3], 'data');
    const variables = {
      ...process.env,
      DISPLAY: `:${String(number).trim()}`,
      GDK_BACKEND: 'x11',
      LIBGL_ALWAYS_SOFTWARE: '1',
      ...env,
    };
    const open = async () => {
      // A driver for each page. When it has had one before, the next session now and then does not begin: its browser is
      // gone, and the driver goes on waiting for it (WebKitGTK 2.50).
      const port = await freePort();
      const driver = spawn(programs.driver, [`--port=${port}`], { stdio: 'ignore', env: variables });
      children.push(driver);
      const address = `http://127.0.0.1:${port}`;
      await answering(address);
      return new WebKitPage(driver, await newSession(address, programs.browser));
    };
    const first = await open();
    await first.close();
    return { version: `WebKitGTK ${first.version}`, open, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Makes a process end, unless it has. */
async function ended(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill();
  await exit;
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

async function answering(driver) {
  for (let tries = 0; ; tries++) {
    try {
      await fetch(`${driver}/status`);
      return;
    } catch (error) {
      if (tries === 200) throw error;
      await setTimeout(50);
    }
  }
}

/** A browser of its own: nothing that one keeps is seen by another. */
async function newSession(driver, binary) {
  const request = async (method, path, body, timeout = TIMEOUT) => {
    const response = await fetch(driver + path, {
      method,
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(timeout),
    });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${value.error}: ${value.message}`);
    return value;
  };
  const alwaysMatch = {
    browserName: 'MiniBrowser',
    'webkitgtk:browserOptions': { binary, args: ['--automation'] },
  };
  const { sessionId, capabilities } = await request(
    'POST',
    '/session',
    { capabilities: { alwaysMatch } },
    START_TIMEOUT,
  );
  const command = (method, path, ...more) => request(method, `/session/${sessionId}${path}`, ...more);
  await command('POST', '/timeouts', { script: TIMEOUT, pageLoad: 60_000 });
  return { command, version: capabilities.browserVersion };
}

class WebKitPage extends Page {
  #driver;
  #command;

  constructor(driver, { command, version }) {
    super();
    this.#driver = driver;
    this.#command = command;
    this.version = version;
  }

  async goto(url) {
    await this.#command('POST', '/url', { url });
  }

  async run(f, argument) {
    // An error that crosses by itself loses its message.
    const script = `const done = arguments[1];
      (async () => (${f})(arguments[0]))().then(
        (value) => done({ value }),
        (error) => done({ error: String(error?.stack ?? error), message: String(error) }));`;
    const { value, error, message } = await this.#command('POST', '/execute/async', {
      script: script
        .replaceAll('arguments[0]', 'given')
        .replace('const done', 'const given = arguments[0], done'),
      args: [argument ?? null],
    });
    if (error !== undefined) throw new Error(`${message}\n${error}`);
    return value;
  }

  async upload(selector, paths) {
    const element = await this.#command('POST', '/element', { using: 'css selector', value: selector });
    await this.#command('POST', `/element/${Object.values(element)[0]}/value`, { text: paths.join('\n') });
  }

  async screenshot(path) {
    writeFileSync(path, await this.#command('GET', '/screenshot'), 'base64');
  }

  async setSize({ width, height }) {
    // The window is larger than the page by its frame.
    for (const inner of [{ width: 0, height: 0 }, undefined]) {
      const now = inner ?? (await this.run(() => ({ width: innerWidth, height: innerHeight })));
      const rect = await this.#command('GET', '/window/rect');
      const frame = inner ? inner : { width: rect.width - now.width, height: rect.height - now.height };
      await this.#command('POST', '/window/rect', {
        width: width + frame.width,
        height: height + frame.height,
      });
    }
  }

  async close() {
    await this.#command('DELETE', '', undefined, STOP_TIMEOUT).catch(() => {}); // it is stopped then, one way or other
    await ended(this.#driver);
  }
}
