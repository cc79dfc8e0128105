// The service worker: the context menu, and the document in which the engine runs. It cannot run the engine itself, because
// a service worker may not start workers.

const MENU = 'find-similar';
/** Smaller ones are icons. */
const MIN_SIDE = 64;

chrome.runtime.onInstalled.addListener(() => {
  chrome.contextMenus.create({ id: MENU, title: 'Find similar images', contexts: ['image'] });
});

chrome.contextMenus.onClicked.addListener((info, tab) => {
  if (info.menuItemId === MENU) findSimilar(info.srcUrl, tab);
});

chrome.action.onClicked.addListener(() => openResults({}));

/** Collects the images of a tab's page, while the results show those that are like one of them. */
async function findSimilar(image, tab) {
  const images = await imagesOf(tab.id);
  await startEngine();
  await openResults({ image, page: tab.url });
  const page = { url: tab.url, title: tab.title };
  await chrome.runtime.sendMessage({ to: 'engine', type: 'collect', images: [image, ...images], page });
}

async function imagesOf(tabId) {
  const frames = await chrome.scripting.executeScript({
    target: { tabId, allFrames: true },
    args: [MIN_SIDE],
    func: (min) =>
      [...document.images]
        .filter(({ naturalWidth, naturalHeight }) => Math.min(naturalWidth, naturalHeight) >= min)
        .map(({ currentSrc }) => currentSrc),
  });
  return frames.flatMap(({ result }) => result ?? []);
}

const openResults = (query) => chrome.tabs.create({ url: `results.html?${new URLSearchParams(query)}` });

let starting;
/** Opens the engine's document unless it is there. It stays until the browser ends. */
async function startEngine() {
  const there = await chrome.runtime.getContexts({ contextTypes: ['OFFSCREEN_DOCUMENT'] });
  if (there.length > 0) return;
  starting ??= chrome.offscreen.createDocument({
    url: 'engine.html',
    reasons: ['WORKERS'],
    justification: 'Compares images, with WebAssembly in a worker.',
  });
  await starting.finally(() => {
    starting = undefined;
  });
}

// Of a results page that is opened again after the browser was.
chrome.runtime.onMessage.addListener((message, _sender, respond) => {
  if (message.to !== 'background') return false;
  startEngine().then(() => respond(true));
  return true; // the answer comes later
});
