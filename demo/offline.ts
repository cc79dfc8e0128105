// The service worker: the page works offline, and where the host cannot send the headers of cross-origin isolation, which
// threads need, it does.
import { byId } from './dom.js';

const RELOADED = 'vitreous demo: reloaded to be isolated';

/** @param options.mayReload - whether nothing would be lost */
export async function useOffline({ mayReload }: { mayReload(): boolean }): Promise<void> {
  const workers = navigator.serviceWorker;
  if (!workers) return;
  const controlled = workers.controller !== null;
  try {
    const registration = await workers.register('service-worker.js', { updateViaCache: 'none' });
    offerUpdates(workers, registration);
    await workers.ready;
  } catch {
    return; // the page works as before, online
  }
  if (crossOriginIsolated || controlled) return;
  if (!workers.controller)
    await new Promise((done) => workers.addEventListener('controllerchange', done, { once: true }));
  // Once: where that does not help either, threads are not to be had.
  if (sessionStorage.getItem(RELOADED) || !mayReload()) return;
  sessionStorage.setItem(RELOADED, 'yes');
  location.reload();
}

/** A new version waits until the visitor wants it: code of two versions must not meet. */
function offerUpdates(workers: ServiceWorkerContainer, registration: ServiceWorkerRegistration): void {
  const offer = (worker: ServiceWorker | null) => {
    if (!worker || !workers.controller) return;
    const show = () => {
      if (worker.state !== 'installed') return;
      byId('update').hidden = false;
      byId('update')
        .querySelector('button')
        ?.addEventListener('click', () => {
          workers.addEventListener('controllerchange', () => location.reload(), { once: true });
          worker.postMessage('activate');
        });
    };
    worker.addEventListener('statechange', show);
    show();
  };
  offer(registration.waiting);
  registration.addEventListener('updatefound', () => offer(registration.installing));
}
