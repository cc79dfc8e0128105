/** Starts the service worker; resolves once this page is its. */
globalThis.keep = async () => {
  const controlled = new Promise((resolve) => {
    navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true });
  });
  await navigator.serviceWorker.register('keep.js');
  if (!navigator.serviceWorker.controller) await controlled;
};
