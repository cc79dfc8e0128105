// The page of this folder in a frame of another: `run` is the inner one's.
const frame = document.createElement('iframe');
frame.src = `index.html${location.search}`;
frame.onload = async () => {
  const inner = frame.contentWindow;
  while (inner.run === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
  globalThis.run = inner.run;
};
document.body.append(frame);
