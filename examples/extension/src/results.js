// The page with the results: `?image=URL&page=URL`, both optional.
const query = new URLSearchParams(location.search);
const page = query.get('page') ?? undefined;
let image = query.get('image') ?? undefined;

const element = (id) => document.getElementById(id);
const say = (text) => {
  element('status').textContent = text;
};

async function ask(type, request) {
  await chrome.runtime.sendMessage({ to: 'background' }); // which starts the engine where it is not
  const { result, error } = await chrome.runtime.sendMessage({ to: 'engine', type, ...request });
  if (error) throw new Error(error);
  return result;
}

/** Resolves to whether there are results to look at. */
async function show() {
  const among = element('among').value === 'page' ? page : undefined;
  try {
    const results = await ask('search', { image, page: among });
    element('results').replaceChildren(...results.map(itemOf));
    say(`${results.length} images`);
    return true;
  } catch (error) {
    say(error.message);
    return false;
  }
}

/** A result: the picture, which searches by itself, its score, and a link to where it was found. */
function itemOf({ id, score, thumbnail, title, pages }) {
  const picture = Object.assign(document.createElement('img'), { src: thumbnail, alt: id });
  const button = Object.assign(document.createElement('button'), { type: 'button', title: 'Find similar' });
  button.setAttribute('aria-pressed', String(id === image));
  button.append(picture, score?.toFixed(3) ?? '');
  button.addEventListener('click', () => {
    image = id;
    show();
  });
  const link = Object.assign(document.createElement('a'), {
    href: pages.at(-1),
    textContent: title || pages.at(-1),
  });
  const item = document.createElement('li');
  item.append(button, link);
  return item;
}

chrome.runtime.onMessage.addListener(({ to, type, done, total, failed, error }) => {
  if (to !== 'results') return;
  if (type === 'progress') say(`${done} of ${total} images looked at …`);
  else if (type === 'failed') say(error);
  else show().then((shown) => shown && failed && say(`${failed} of ${total} images could not be read`));
});

element('among').value = page ? 'page' : 'all';
element('among').disabled = !page;
element('among').addEventListener('change', show);
element('forget').addEventListener('click', async () => {
  image = undefined;
  await ask('forget').catch((error) => say(error.message));
  show();
});
show();
