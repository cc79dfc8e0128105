// What can go wrong with a download, and how it must end: in the right model, or in the error that says what it was.
import { flipped, notFinite, repository, withHeader } from './model.mjs';
import { sha256 } from './server.mjs';

const PAGE = `<!doctype html><html><title>Sign in</title><body>${'Please sign in. '.repeat(20)}</body></html>`;
const POINTER = `version https://git-lfs.github.com/spec/v1\noid sha256:${'ab'.repeat(32)}\nsize 343211002\n`;
const MESSAGE = JSON.stringify({
  error: 'Rate limit',
  message: 'You have asked too often. Come back later.',
});
const html = { 'content-type': 'text/html; charset=utf-8' };

const always = (fault) => [{ ...fault, always: true }];
const times = (count, fault) => Array(count).fill(fault);
/** Files that lie compressed on the server: it gives them to those, too, who ask for a range without compression. */
const ALWAYS_GZIP = { encoding: 'gzip', ranges: false };
/** A hub without a record cannot be held to it. */
const unrecorded = { recorded: false };
/** A checkpoint in the file's place that the record knows: the hub's own mistake. */
const published = (body) => ({
  model: always({ body }),
  recorded: { size: body.length, sha256: sha256(body) },
});

/**
 * @typedef {object} Scenario
 * @property {string} name
 * @property {string | string[] | { node: string, chromium: string }} expect - 'model', or the code of the error; of
 *   several that which comes first, as the bytes arrive in larger or smaller pieces
 * @property {boolean} [keeps] - what has arrived waits for the next load
 * @property {Fault[]} [model], [config], [record] - of server.mjs, one for each request in turn
 * @property {Fault[]} [moved] - of the place that redirects lead to
 * @property {Fault} [standing] - of every answer with the checkpoint
 * @property {object | false} [recorded] - what the record says of the checkpoint instead
 * @property {Scenario} [earlier] - a load before, which leaves what it leaves
 * @property {boolean} [sameOrigin] - in a browser the hub has the page's own origin, else another
 * @property {boolean} [pageToo] - also on the page's own thread, with the Cache API
 */

/** @returns {Scenario[]} */
export function scenarios({ checkpoint, config }, { other, otherConfig }) {
  const size = checkpoint.length;
  const bodies = {
    damaged: flipped(checkpoint, -1),
    damagedEarly: flipped(checkpoint, Math.floor(size / 4)),
    brokenHeader: flipped(checkpoint, 8),
    notFinite: notFinite(checkpoint),
    short: checkpoint.subarray(0, Math.floor(size / 2)),
    long: Buffer.concat([checkpoint, Buffer.alloc(64)]),
    float64: withHeader(checkpoint, (entries) => {
      entries['norm.bias'].dtype = 'F64';
      entries['norm.bias'].shape = [entries['norm.bias'].shape[0] / 2];
    }),
    missing: withHeader(checkpoint, (entries) => {
      entries['norm.other'] = entries['norm.bias'];
      delete entries['norm.bias'];
    }),
    extra: withHeader(
      checkpoint,
      (entries) => {
        const end = entries['norm.bias'].data_offsets[1];
        entries.extra = { dtype: 'F32', shape: [2], data_offsets: [end, end + 8] };
      },
      (data) => Buffer.concat([data, Buffer.alloc(8)]),
    ),
  };
  const half = { cut: 0.5 };
  return [
    // Connections
    { name: 'cut in the middle', model: [half], expect: 'model', pageToo: true },
    { name: 'cut in the middle, same origin', model: [half], expect: 'model', sameOrigin: true },
    { name: 'cut before the first byte', model: [{ cut: 0 }], expect: 'model' },
    { name: 'cut within the header', model: [{ cut: 5 }], expect: 'model' },
    { name: 'cut before the last byte', model: [{ cut: size - 1 }], expect: 'model' },
    { name: 'cut twenty times', model: times(20, { cut: 20_000 }), expect: 'model' },
    {
      name: 'cut at the same byte for ever',
      model: [half, ...always({ cut: 0 })],
      expect: 'NETWORK',
      keeps: true,
      pageToo: true,
    },
    { name: 'reset without an answer', model: [{ answer: 'reset' }], expect: 'model' },
    { name: 'reset for ever', model: always({ answer: 'reset' }), expect: 'NETWORK' },
    { name: 'silent, then not', model: [{ answer: 'nothing' }], expect: 'model' },
    { name: 'stalled in the middle', model: [{ stall: 0.5 }], expect: 'model' },
    {
      name: 'stalled for ever',
      model: [{ stall: 0.5 }, ...always({ stall: 0 })],
      expect: 'NETWORK',
      keeps: true,
    },
    { name: 'a slow drip', model: [{ drip: { bytes: 40_000, ms: 20 } }], expect: 'model' },
    // Lengths
    { name: 'Content-Length too long', model: always({ length: (n) => n + 1000 }), expect: 'model' },
    {
      name: 'Content-Length too long, unrecorded',
      model: always({ length: (n) => n + 1000 }),
      ...unrecorded,
      expect: 'model',
    },
    {
      name: 'Content-Length too short',
      model: always({ length: (n) => n - 1000 }),
      expect: 'CHECKPOINT_TRUNCATED',
    },
    { name: 'no Content-Length', standing: { length: () => undefined }, expect: 'model', pageToo: true },
    {
      name: 'no Content-Length, unrecorded',
      standing: { length: () => undefined },
      ...unrecorded,
      expect: 'model',
    },
    { name: 'no Content-Length, cut', standing: { length: () => undefined }, model: [half], expect: 'model' },
    { name: 'an early end that looks like one', model: [{ end: 0.5 }], ...unrecorded, expect: 'model' },
    {
      name: 'an early end for ever',
      standing: { ranges: false },
      model: always({ end: 0.5 }),
      expect: 'CHECKPOINT_TRUNCATED',
    },
    // Encodings
    { name: 'gzip', standing: { encoding: 'gzip' }, expect: 'model', pageToo: true },
    {
      name: 'gzip, same origin, unrecorded',
      standing: { encoding: 'gzip' },
      ...unrecorded,
      sameOrigin: true,
      expect: 'model',
    },
    {
      name: 'gzip that is longer than the file',
      standing: { encoding: 'gzip, stored' },
      ...unrecorded,
      expect: 'model',
    },
    { name: 'br', standing: { encoding: 'br' }, expect: 'model' },
    { name: 'deflate', standing: { encoding: 'deflate' }, expect: 'model' },
    {
      name: 'gzip, cut',
      model: [{ encoding: 'gzip', cut: 0.4 }],
      standing: { ranges: false },
      expect: 'model',
    },
    { name: 'gzip, cut, and then not gzip', model: [{ encoding: 'gzip', cut: 0.4 }], expect: 'model' },
    { name: 'gzip that ends early', model: [{ encoding: 'gzip', end: 0.4 }], expect: 'model' },
    {
      name: 'called gzip, but is not',
      model: [{ headers: { 'content-encoding': 'gzip' } }],
      expect: 'model',
    },
    {
      name: 'called gzip for ever',
      model: always({ headers: { 'content-encoding': 'gzip' } }),
      expect: 'NETWORK',
    },
    // Redirects
    {
      name: 'a redirect',
      model: [{ redirect: '/moved/faults/tiny/resolve/main/model.safetensors' }],
      expect: 'model',
    },
    {
      name: 'a redirect to another origin, cut, and again',
      model: [
        { redirect: '//localhost:PORT/moved/faults/tiny/resolve/main/model.safetensors' },
        { redirect: '//localhost:PORT/moved/faults/tiny/resolve/main/model.safetensors' },
      ],
      moved: [half],
      expect: 'model',
    },
    {
      name: 'a redirect to where nobody is',
      model: always({ redirect: 'http://127.0.0.1:1/' }),
      expect: 'NETWORK',
    },
    {
      name: 'a redirect loop',
      model: always({ redirect: '/faults/tiny/resolve/main/model.safetensors' }),
      expect: { node: 'REDIRECT_LOOP', chromium: 'NETWORK' },
      pageToo: true,
    },
    // Ranges
    { name: 'Range ignored', standing: { ranges: false }, model: [half], expect: 'model', pageToo: true },
    {
      name: 'Range ignored, without ETag',
      standing: { ranges: false, etag: false },
      model: [half],
      expect: 'model',
    },
    {
      name: 'a range from another start',
      model: [half, { early: 1000 }],
      expect: 'model',
      pageToo: true,
    },
    {
      name: 'Content-Range of another total',
      model: [half, { contentRange: (from, n) => `bytes ${from}-${n - 1}/${n + 7}` }],
      expect: 'model',
    },
    {
      name: 'Content-Range that is nonsense',
      model: [half, { contentRange: () => 'bytes all' }],
      expect: 'model',
    },
    { name: 'Content-Range missing', model: [half, { contentRange: () => undefined }], expect: 'model' },
    {
      name: 'Content-Range of an unknown total',
      model: [half, { contentRange: (from, n) => `bytes ${from}-${n - 1}/*` }],
      expect: 'model',
    },
    { name: 'ranges in small pieces', model: [half, ...always({ most: 60_000 })], expect: 'model' },
    { name: '206 to a request for all', model: [{ status: 206 }], expect: 'HTTP_STATUS' },
    { name: '416 once', model: [half, { status: 416 }], expect: 'model' },
    {
      name: 'a damaged range',
      model: [half, { body: bodies.damaged, etag: '"1"' }],
      standing: { etag: '"1"' },
      expect: 'DIGEST_MISMATCH',
    },
    // Validators
    { name: 'the file changes on its way', model: [{ ...half, body: bodies.damagedEarly }], expect: 'model' },
    {
      name: 'the file changes on its way, without ETag and record',
      standing: { etag: false },
      model: [{ ...half, body: bodies.damagedEarly }],
      ...unrecorded,
      expect: 'model',
    },
    {
      name: 'the ETag changes on its way',
      model: [{ ...half, etag: '"1"' }],
      expect: 'model',
      sameOrigin: true,
    },
    {
      name: 'the ETag changes for ever',
      model: ['1', '2', '3', '4', '5', '6'].map((tag) => ({ cut: 0.4, etag: `"${tag}"` })),
      expect: 'NETWORK',
    },
    { name: 'no ETag', standing: { etag: false }, model: [half], expect: 'model' },
    {
      name: 'no ETag and no record',
      standing: { etag: false },
      model: [half],
      ...unrecorded,
      expect: 'model',
    },
    { name: 'a weak ETag', standing: { etag: 'W/"1"' }, model: [half], ...unrecorded, expect: 'model' },
    {
      name: 'only Last-Modified',
      standing: { etag: false, lastModified: 'Mon, 02 Nov 2026 08:00:00 GMT' },
      model: [half],
      ...unrecorded,
      expect: 'model',
    },
    // Something else in the file's place
    { name: 'a page', model: always({ body: PAGE, headers: html }), expect: 'HTML_PAGE', pageToo: true },
    { name: 'a page that it calls bytes', model: always({ body: PAGE }), expect: 'HTML_PAGE' },
    { name: 'a very short page', model: always({ body: '<html></html>' }), expect: 'HTML_PAGE' },
    {
      name: 'a page instead of the rest',
      model: [half, ...always({ body: PAGE, headers: html })],
      expect: 'HTML_PAGE',
      keeps: true,
    },
    {
      name: 'a page called bytes instead of the rest',
      model: [half, ...always({ body: PAGE, ranges: false })],
      expect: 'HTML_PAGE',
    },
    { name: 'a JSON message', model: always({ body: MESSAGE }), expect: 'JSON_BODY' },
    { name: 'a very short JSON message', model: always({ body: '{"error":"no"}' }), expect: 'JSON_BODY' },
    { name: 'a Git LFS pointer', model: always({ body: POINTER }), expect: 'LFS_POINTER', pageToo: true },
    { name: 'no byte', model: always({ body: '' }), expect: 'EMPTY_FILE' },
    { name: 'no byte, unrecorded', model: always({ body: '' }), ...unrecorded, expect: 'EMPTY_FILE' },
    { name: 'noise', model: always({ body: Buffer.alloc(size, 255) }), expect: 'CHECKPOINT_OVERSIZED' },
    // Statuses
    { name: '401', model: always({ status: 401 }), expect: 'UNAUTHORIZED' },
    { name: '403', model: always({ status: 403 }), expect: 'UNAUTHORIZED' },
    { name: '404', model: always({ status: 404 }), expect: 'NOT_FOUND', pageToo: true },
    {
      name: '401 instead of the rest',
      model: [half, ...always({ status: 401 })],
      expect: 'UNAUTHORIZED',
      keeps: true,
    },
    { name: '418', model: always({ status: 418 }), expect: 'HTTP_STATUS' },
    {
      name: '429, Retry-After in seconds',
      model: [{ status: 429, headers: { 'retry-after': '1' } }],
      expect: 'model',
    },
    {
      name: '429, Retry-After as a date',
      model: [{ status: 429, headers: { 'retry-after': new Date().toUTCString() } }],
      expect: 'model',
    },
    {
      name: '429, Retry-After tomorrow',
      model: always({
        status: 429,
        headers: { 'retry-after': '86400', 'access-control-expose-headers': 'Retry-After' },
      }),
      expect: 'HTTP_STATUS',
    },
    {
      name: '429, Retry-After that is nonsense',
      model: [{ status: 429, headers: { 'retry-after': 'soon' } }],
      expect: 'model',
    },
    { name: '500 for ever', model: always({ status: 500 }), expect: 'HTTP_STATUS', pageToo: true },
    { name: '503 twice', model: times(2, { status: 503 }), expect: 'model' },
    { name: '503 instead of the rest, twice', model: [half, ...times(2, { status: 503 })], expect: 'model' },
    // Other origins: a browser asks for leave
    { name: 'no CORS', model: always({ cors: false }), expect: { node: 'model', chromium: 'NETWORK' } },
    { name: 'no exposed headers', standing: { expose: false }, model: [half], expect: 'model' },
    {
      name: 'no exposed headers, gzip',
      standing: { expose: false, encoding: 'gzip' },
      ...unrecorded,
      expect: 'model',
    },
    // The record
    {
      name: 'a record of another digest',
      recorded: { sha256: 'ab'.repeat(32) },
      expect: 'DIGEST_MISMATCH',
      pageToo: true,
    },
    {
      name: 'a record of a smaller size',
      recorded: { size: size - 9 },
      expect: ['DIGEST_MISMATCH', 'CHECKPOINT_TRUNCATED'],
    },
    {
      name: 'a record of a greater size',
      recorded: { size: size + 9 },
      expect: ['CHECKPOINT_FORMAT', 'CHECKPOINT_TRUNCATED'],
    },
    { name: 'no record', ...unrecorded, expect: 'model' },
    { name: 'a record that is a page', record: [{ body: PAGE, headers: html }], expect: 'model' },
    {
      name: 'a record that is nonsense',
      record: [{ body: '{"siblings":[null,7,{"lfs":[]}]}' }],
      expect: 'model',
    },
    { name: 'a record that never comes', record: [{ answer: 'nothing' }], expect: 'model' },
    // config.json
    { name: 'config.json: cut', config: [{ cut: 50 }], expect: 'model' },
    { name: 'config.json: gzip', config: [{ encoding: 'gzip' }], expect: 'model' },
    { name: 'config.json: 404', config: always({ status: 404 }), expect: 'NOT_FOUND' },
    { name: 'config.json: 500', config: always({ status: 500 }), expect: 'HTTP_STATUS' },
    { name: 'config.json: a page', config: [{ body: PAGE }], expect: 'HTML_PAGE' },
    { name: 'config.json: empty', config: [{ body: '' }], expect: 'EMPTY_FILE' },
    { name: 'config.json: half of it', config: [{ body: config.slice(0, 40) }], expect: 'CHECKPOINT_FORMAT' },
    {
      name: 'config.json: a JSON message',
      config: [{ body: MESSAGE }],
      expect: 'UNKNOWN_MODEL',
      pageToo: true,
    },
    { name: 'config.json: of another model', config: [{ body: otherConfig }], expect: 'TENSOR_SHAPE' },
    // The checkpoint itself
    { name: 'a damaged byte', model: [{ body: bodies.damaged }], expect: 'DIGEST_MISMATCH', pageToo: true },
    {
      name: 'a damaged header',
      model: [{ body: bodies.brokenHeader }],
      ...unrecorded,
      expect: 'CHECKPOINT_FORMAT',
    },
    { name: 'a value that is NaN', ...published(bodies.notFinite), expect: 'TENSOR_NOT_FINITE' },
    { name: 'half of the file', ...published(bodies.short), expect: 'CHECKPOINT_TRUNCATED' },
    {
      name: 'half of the file, unrecorded',
      model: always({ body: bodies.short }),
      ...unrecorded,
      expect: 'CHECKPOINT_TRUNCATED',
    },
    {
      name: 'zeros from the middle on, to the right length',
      model: [
        { body: (file) => Buffer.concat([bodies.short, Buffer.alloc(file.length - bodies.short.length)]) },
      ],
      expect: 'DIGEST_MISMATCH',
    },
    { name: 'trailing bytes', ...published(bodies.long), expect: 'CHECKPOINT_FORMAT' },
    {
      name: 'trailing bytes that the record has not',
      model: always({ body: bodies.long }),
      expect: 'DIGEST_MISMATCH',
    },
    { name: 'another architecture', ...published(other), expect: 'TENSOR_SHAPE', pageToo: true },
    { name: 'another dtype', ...published(bodies.float64), expect: 'TENSOR_DTYPE' },
    { name: 'a tensor missing', ...published(bodies.missing), expect: 'TENSOR_MISSING' },
    { name: 'a tensor too many', ...published(bodies.extra), expect: 'TENSOR_UNEXPECTED' },
    // What an earlier load left
    {
      name: 'a damaged part under the same ETag',
      earlier: {
        standing: { etag: '"1"' },
        model: [{ ...half, body: bodies.damagedEarly }, ...always({ cut: 0 })],
        expect: 'NETWORK',
      },
      standing: { etag: '"1"' },
      expect: 'model',
      pageToo: true,
    },
    {
      name: 'a part of a file that has changed',
      earlier: {
        model: [{ ...half, body: bodies.damagedEarly }, ...always({ cut: 0 })],
        ...unrecorded,
        expect: 'NETWORK',
      },
      ...unrecorded,
      expect: 'model',
    },
    {
      name: 'a part longer than the file',
      earlier: {
        config: [{ body: otherConfig }],
        model: [{ body: other, cut: 0.9 }, ...always({ status: 503 })],
        ...unrecorded,
        expect: 'HTTP_STATUS',
        keeps: true,
      },
      expect: 'model',
    },
    {
      name: 'a part, and a server that always compresses',
      earlier: { standing: ALWAYS_GZIP, model: [half, ...always({ status: 503 })], expect: 'HTTP_STATUS' },
      standing: ALWAYS_GZIP,
      sameOrigin: true,
      expect: 'model',
    },
    {
      name: 'a part, and 416',
      earlier: { model: [half, ...always({ status: 503 })], expect: 'HTTP_STATUS' },
      model: [{ status: 416 }],
      expect: 'model',
    },
  ];
}

/** The file of another, larger model, and its config.json. */
export async function otherRepository() {
  const { checkpoint, config } = await repository({ dim: 96 });
  return { other: checkpoint, otherConfig: config };
}
