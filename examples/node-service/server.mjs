// Starts the service; settings come from the environment.
import { createServer } from 'node:http';
import { createModel } from 'vitreous';
import { ImageIndex } from 'vitreous/search';
import { createService } from './service.mjs';

const {
  HOST = '127.0.0.1',
  PORT = '3000',
  MODEL = 'vit_nano_patch16_224',
  INDEX = 'images.vix',
} = process.env;
const maxBytes = Number(process.env.MAX_BYTES ?? 10e6);
const maxHeld = Number(process.env.MAX_HELD ?? 16);
/** Requests under way get so long to end when the service is told to. */
const GRACE_MS = 10_000;

const model = await createModel(MODEL, { numClasses: 0 });
const index = await ImageIndex.open({ path: INDEX, model });
const service = createService({ model, index, maxBytes, maxHeld });
const server = createServer(service.handle);
server.requestTimeout = 60_000; // an upload may not take for ever
server.listen(Number(PORT), HOST, () => {
  const { address, port } = server.address();
  console.log(`${model.config.name} with ${index.size} images on http://${address}:${port}`);
});

/** No new requests; those under way are answered; then the index is closed, so that nothing is lost. */
async function shutDown() {
  service.close();
  setTimeout(() => server.closeAllConnections(), GRACE_MS).unref();
  await new Promise((done) => server.close(done));
  await index.close();
  model.dispose();
  console.log('Closed.');
}
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, shutDown);
