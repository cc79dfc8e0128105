// A user's service worker of the simplest kind: what the page has asked for once is kept, and answered without a server.
// Models are left out: the library keeps those itself.
const CACHE = 'the page';
const PAGE = ['offline.html', 'problems.js', 'offline.js', 'favicon.ico'];

self.addEventListener('install', (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(PAGE)));
});
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('fetch', (event) => {
  if (!event.request.url.includes('/files/')) event.respondWith(keptOrFetched(event.request));
});

async function keptOrFetched(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request);
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok) await cache.put(request, response.clone());
  return response;
}
