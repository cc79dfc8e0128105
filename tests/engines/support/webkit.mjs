// WebKitGTK's MiniBrowser through WebKitWebDriver, which speaks W3C WebDriver, on a display of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { findWebKit } from '../../../scripts/setup/browsers.mjs';
import { Page } from './page.mjs';

const TIMEOUT = 300_000;

/** @param {{ env?: object }} [options] variables for WebKit, such as `JSC_…` */
export async function launch({ env = {} } = {}) {
  const programs = findWebKit();
  const children = [];
  const start = (command, args, options) => {
    const child = spawn(command, args, options);
    children.push(child);
    return child;
  };
  const close = async () => {
    for (const child of children.reverse().filter(({ exitCode }) => exitCode === null)) {
      child.kill();
      await once(child, 'exit');
    }
  };
  try {
    // Xvfb picks a free display and tells it on descriptor 3.
    const display = start(
      programs.display,
      ['-displayfd', '3', '-screen', '0', '1600x1200x24', '-nolisten', 'tcp'],
      {
        stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      },
    );
    const [number] = await once(display.stdio[3], 'data');
    const port = await freePort();
    start(programs.driver, [`--port=${port}`], {
      stdio: 'ignore',
      env: {
        ...process.env,
        DISPLAY: `:${String(number).trim()}`,
        GDK_BACKEND: 'x11',
        LIBGL_ALWAYS_SOFTWARE: '1',
        ...env,
      },
    });
    const driver = `http://127.0.0.1:${port}`;
    await answering(driver);
    const first = await newSession(driver, programs.browser);
    await first.command('DELETE', '');
    return {
      version: `WebKitGTK ${first.version}`,
      open: async () => new WebKitPage(await newSession(driver, programs.browser)),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
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
  const request = async (method, path, body) => {
    const response = await fetch(driver + path, {
      method,
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT),
    });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${value.error}: ${value.message}`);
    return value;
  };
  const alwaysMatch = {
    browserName: 'MiniBrowser',
    'webkitgtk:browserOptions': { binary, args: ['--automation'] },
  };
  const { sessionId, capabilities } = await request('POST', '/session', { capabilities: { alwaysMatch } });
  const command = (method, path, body) => request(method, `/session/${sessionId}${path}`, body);
  await command('POST', '/timeouts', { script: TIMEOUT, pageLoad: 60_000 });
  return { command, version: capabilities.browserVersion };
}

class WebKitPage extends Page {
  #command;

  constructor({ command }) {
    super();
    this.#command = command;
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
    await this.#command('DELETE', '');
  }
}
