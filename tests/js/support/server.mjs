// A web server for a test: answers as the test says and notes what it was asked for.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// What comes from a test's server is no concern of the user's own cache.
if (process.env.VITREOUS_CACHE === undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'vitreous-cache-'));
  process.env.VITREOUS_CACHE = folder;
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
}

/**
 * @param {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => void} answer
 * @returns {Promise<{ url: string, requests: string[], close: () => Promise<void> }>} `url` ends in a slash
 */
export async function startServer(answer) {
  const requests = [];
  const server = createServer((request, response) => {
    requests.push(request.url);
    answer(request, response);
  });
  // A test that failed before it closed its server must not keep the process alive.
  server.unref().on('connection', (socket) => socket.unref());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    requests,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
