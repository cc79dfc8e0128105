/// <reference lib="webworker" />
// Serves the page's files from the cache, all of one version, so that it works offline; with the headers that make the page
// cross-origin isolated, for hosts that cannot send them.

/** Set by the build: the version's name, and all files. */
declare const VERSION_HASH: string;
declare const FILES: string[];

const scope = self as unknown as ServiceWorkerGlobalScope;
const PREFIX = 'vitreous demo ';
const CACHE = PREFIX + VERSION_HASH;

scope.addEventListener('install', (event) => {
  // Past the HTTP cache: it may have files of the version before.
  const requests = FILES.map((file) => new Request(file, { cache: 'reload' }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(requests)));
});

scope.addEventListener('activate', (event) => {
  event.waitUntil(
    (async () => {
      const old = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== CACHE);
      await Promise.all(old.map((name) => caches.delete(name)));
      await scope.clients.claim();
    })(),
  );
});

scope.addEventListener('message', ({ data }) => {
  if (data === 'activate') scope.skipWaiting();
});

scope.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  const own = url.href.startsWith(scope.registration.scope);
  if (request.method !== 'GET' || !own || request.headers.has('range')) return;
  event.respondWith(answer(request, url));
});

async function answer(request: Request, url: URL): Promise<Response> {
  const cache = await caches.open(CACHE);
  const file = request.mode === 'navigate' && isPage(url) ? './' : url.search === '' ? request : undefined;
  const kept = file && (await cache.match(file));
  return isolated(kept ?? (await fetch(request)));
}

const isPage = ({ pathname }: URL) => pathname === new URL(scope.registration.scope).pathname;

function isolated(response: Response): Response {
  if (response.status === 0 || response.redirected) return response;
  const headers = new Headers(response.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  headers.set('Cross-Origin-Resource-Policy', 'same-origin');
  const { status, statusText } = response;
  const body = [101, 204, 205, 304].includes(status) ? null : response.body;
  return new Response(body, { status, statusText, headers });
}
