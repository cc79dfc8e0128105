// What the tests call in the page: the package as `vitreous`, and ways to make every kind of image of a URL.
import * as vitreous from './vitreous/index.js';

globalThis.vitreous = vitreous;
globalThis.NANO = 'vit_nano_patch16_224';

globalThis.loadImage = async (src) => {
  const image = new Image();
  image.src = src;
  await image.decode();
  return image;
};

function draw(canvas, image) {
  canvas.getContext('2d').drawImage(image, 0, 0);
  return canvas;
}

function canvasOf(image) {
  const { naturalWidth: width, naturalHeight: height } = image;
  return draw(Object.assign(document.createElement('canvas'), { width, height }), image);
}

function pixelsOf(image, channels) {
  const { naturalWidth: width, naturalHeight: height } = image;
  const rgba = canvasOf(image).getContext('2d').getImageData(0, 0, width, height).data;
  const data = new Uint8Array(width * height * channels);
  for (let i = 0; i < data.length; i++) data[i] = rgba[Math.floor(i / channels) * 4 + (i % channels)];
  return { data, width, height, channels };
}

/** A video of the image, paused at a frame that it shows. */
globalThis.videoOf = async (src) => {
  const canvas = canvasOf(await loadImage(src));
  const recorder = new MediaRecorder(canvas.captureStream(30), { videoBitsPerSecond: 5e6 });
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
  const video = Object.assign(document.createElement('video'), { muted: true });
  video.src = URL.createObjectURL(new Blob(parts, { type: recorder.mimeType }));
  const shown = new Promise((done) => video.requestVideoFrameCallback(done));
  await video.play();
  await shown;
  video.pause();
  return video;
};

const blobOf = async (src) => (await fetch(src)).blob();

/** Every kind of image that the API takes, made of the image at `src`. */
globalThis.kinds = {
  HTMLCanvasElement: async (src) => canvasOf(await loadImage(src)),
  OffscreenCanvas: async (src) => {
    const image = await loadImage(src);
    return draw(new OffscreenCanvas(image.naturalWidth, image.naturalHeight), image);
  },
  'WebGL canvas': async (src) => {
    const image = await loadImage(src);
    const { naturalWidth: width, naturalHeight: height } = image;
    const canvas = new OffscreenCanvas(width, height);
    const gl = canvas.getContext('webgl2', { preserveDrawingBuffer: true, alpha: false, antialias: false });
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, true);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, image);
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, gl.createFramebuffer());
    gl.framebufferTexture2D(gl.READ_FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
    gl.blitFramebuffer(0, 0, width, height, 0, 0, width, height, gl.COLOR_BUFFER_BIT, gl.NEAREST);
    return canvas;
  },
  ImageData: async (src) => {
    const canvas = canvasOf(await loadImage(src));
    return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  },
  ImageBitmap: async (src) => createImageBitmap(await loadImage(src)),
  HTMLImageElement: loadImage,
  'HTMLImageElement on its way': async (src) => Object.assign(new Image(), { src: `${src}?later` }),
  VideoFrame: async (src) => new VideoFrame(canvasOf(await loadImage(src)), { timestamp: 0 }),
  Blob: blobOf,
  File: async (src) => new File([await blobOf(src)], 'photo.png'),
  'relative URL': async (src) => src,
  'absolute URL': async (src) => new URL(src, document.baseURI).href,
  'URL object': async (src) => new URL(src, document.baseURI),
  'Pixels, RGB': async (src) => pixelsOf(await loadImage(src), 3),
  'Pixels, RGBA': async (src) => pixelsOf(await loadImage(src), 4),
  'Pixels in Uint8ClampedArray': async (src) => {
    const pixels = pixelsOf(await loadImage(src), 4);
    return { ...pixels, data: Uint8ClampedArray.from(pixels.data) };
  },
};
globalThis.pixelsOf = pixelsOf;
globalThis.canvasOf = canvasOf;
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
