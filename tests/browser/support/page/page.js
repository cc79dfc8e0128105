// What the tests call in the page: the package as `vitreous`, and ways to make every kind of image of a URL.
import { canvasOf, kinds, loadImage, pixelsOf } from './kinds.js';
import * as vitreous from './vitreous/index.js';

globalThis.vitreous = vitreous;
globalThis.NANO = 'vit_nano_patch16_224';

/** A short video of the image, as a Blob. */
globalThis.recordingOf = async (src, mimeType) => {
  const canvas = canvasOf(await loadImage(src));
  const recorder = new MediaRecorder(canvas.captureStream(30), { videoBitsPerSecond: 5e6, mimeType });
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  recorder.start();
  for (let i = 0; i < 10; i++) {
    canvas.getContext('2d').fillRect(0, 0, i, 1); // a canvas that does not change gives no frames
    await new Promise((done) => setTimeout(done, 50));
  }
  const stopped = new Promise((done) => {
    recorder.onstop = done;
  });
  recorder.stop();
  await stopped;
  return new Blob(parts, { type: recorder.mimeType });
};

/** A video of the image, paused at a frame that it shows. */
globalThis.videoOf = async (src) => {
  const video = Object.assign(document.createElement('video'), { muted: true });
  video.src = URL.createObjectURL(await recordingOf(src));
  const shown = new Promise((done) => video.requestVideoFrameCallback(done));
  await video.play();
  await shown;
  video.pause();
  return video;
};

Object.assign(globalThis, { canvasOf, kinds, loadImage, pixelsOf });
globalThis.canvasOfSize = (width, height) => {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d');
  return canvas;
};

/** The code and message of an error, or that there was none. */
globalThis.errorOf = (promise) =>
  promise.then(
    () => ({ code: 'none' }),
    (error) => ({
      code: error.code,
      name: error.name,
      message: error.message,
      ours: error instanceof vitreous.VitreousError,
    }),
  );
