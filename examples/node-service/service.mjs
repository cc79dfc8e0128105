// The requests: images in, JSON out. One model and one index, one image after the other.
import { finished } from 'node:stream/promises';

/** What a request can do wrong; the rest are the library's own errors. */
class HttpError extends Error {
  constructor(status, code, message, headers = {}) {
    super(message);
    Object.assign(this, { status, code, headers });
  }
}

/** The status of the library's errors; any other is a 500. */
const STATUS = { INVALID_IMAGE: 422, INVALID_ARGUMENT: 400, OUT_OF_MEMORY: 503, STORAGE_FULL: 507 };

/**
 * @param {object} options
 * @param {import('vitreous').VisionTransformer} options.model
 * @param {import('vitreous/search').ImageIndex} options.index
 * @param {number} options.maxBytes of a request
 * @param {number} options.maxHeld so many images at most are held in memory, uploads under way included
 */
export function createService({ model, index, maxBytes, maxHeld }) {
  let held = 0;
  let closing = false;
  let last = Promise.resolve();

  /** Runs `task` when all before it have ended. */
  function inTurn(task) {
    const result = last.then(task);
    last = result.catch(() => {});
    return result;
  }

  /** Takes the image of a request to `use`, unless too many are waiting already: then the client is to come again. */
  async function withImage({ request, signal }, use) {
    if (held >= maxHeld) {
      throw new HttpError(503, 'BUSY', `${held} images are waiting; try again.`, { 'retry-after': '1' });
    }
    held++;
    try {
      const image = await readBody(request, maxBytes);
      return await inTurn(() => {
        signal.throwIfAborted();
        return use(image);
      });
    } finally {
      held--;
    }
  }

  const routes = {
    'GET /health': () => ({ model: model.config.name, images: index.size, waiting: held }),

    'POST /embed': (context) =>
      withImage(context, async (image) => {
        const embedding = await model.embed(image, { normalize: true, signal: context.signal });
        return { model: model.config.name, dim: embedding.length, embedding: Array.from(embedding) };
      }),

    'POST /search': (context) => {
      const k = Number(context.query.get('k') ?? 10);
      if (!(Number.isInteger(k) && k >= 1 && k <= 1000)) {
        throw new HttpError(400, 'INVALID_ARGUMENT', 'k is a whole number from 1 to 1000.');
      }
      return withImage(context, async (image) => {
        const results = await index.search(image, { k, signal: context.signal });
        return { results: results.map(({ id, score }) => ({ id, score })) };
      });
    },

    'PUT /images': (context) =>
      withImage(context, async (image) => {
        const status = index.has(context.id) ? 200 : 201;
        await index.upsert({ id: context.id, image }, { signal: context.signal });
        return { status, id: context.id, images: index.size };
      }),

    'DELETE /images': async ({ id }) => {
      if ((await index.remove(id)) === 0) throw new HttpError(404, 'NOT_FOUND', `There is no image '${id}'.`);
      return { id, images: index.size };
    },
  };

  /** What a request asks for: a function of `routes`. */
  function route(method, path, id) {
    const found = routes[`${method} ${path}`];
    if (found && (path === '/images') === (id !== undefined)) return found;
    const allowed = Object.keys(routes).filter((key) => key.endsWith(` ${path}`));
    if (allowed.length === 0 || (path === '/images' && id === undefined)) {
      throw new HttpError(404, 'NOT_FOUND', 'There are /health, /embed, /search and /images/ID.');
    }
    const allow = allowed.map((key) => key.split(' ')[0]).join(', ');
    throw new HttpError(405, 'METHOD', `${path} takes ${allow}.`, { allow });
  }

  async function answer(request, signal) {
    if (closing) throw new HttpError(503, 'CLOSING', 'The service is being shut down.');
    const { pathname, searchParams: query } = new URL(request.url, 'http://localhost');
    const image = /^\/images\/(.+)$/.exec(pathname);
    const id = image ? decodeId(image[1]) : undefined;
    const work = route(request.method, image ? '/images' : pathname, id);
    return work({ request, signal, query, id });
  }

  /** Answers a request; of a client that has gone the work is dropped. */
  async function handle(request, response) {
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const send = async (status, body, headers) => {
      const text = Buffer.from(`${JSON.stringify(body)}\n`);
      const connection = closing && { connection: 'close' };
      response.writeHead(status, {
        'content-type': 'application/json',
        'content-length': text.length,
        ...headers,
        ...connection,
      });
      response.write(text);
      // What is still on its way is dropped before the end: a client whose connection is closed while it
      // sends sees that instead of the answer. server.requestTimeout bounds it.
      await finished(request.resume()).catch(() => {});
      response.end();
    };
    try {
      const { status = 200, ...body } = await answer(request, gone.signal);
      await send(status, body);
    } catch (error) {
      if (response.destroyed) return;
      const { code = 'INTERNAL', message } = error;
      const status = error.status ?? STATUS[code] ?? 500;
      if (status === 500) console.error(error);
      // What is wrong inside is nobody's business outside.
      const shown = status === 500 ? 'The service failed.' : message;
      await send(status, { error: { code, message: shown } }, error.headers);
    }
  }

  return {
    handle,
    close() {
      closing = true;
    },
  };
}

/** The body as a Blob, and not a byte more than `limit`. */
async function readBody(request, limit) {
  const tooLarge = () => new HttpError(413, 'TOO_LARGE', `An image has at most ${limit} bytes.`);
  if (Number(request.headers['content-length']) > limit) throw tooLarge();
  const parts = [];
  let size = 0;
  // Leaving the loop leaves the connection open, for the answer.
  for await (const part of request.iterator({ destroyOnReturn: false })) {
    size += part.length;
    if (size > limit) throw tooLarge();
    parts.push(part);
  }
  if (size === 0) throw new HttpError(400, 'EMPTY', 'Send the bytes of an image file as the body.');
  return new Blob(parts);
}

function decodeId(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new HttpError(400, 'INVALID_ARGUMENT', 'The id is not a valid part of a URL.');
  }
}
