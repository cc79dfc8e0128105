// Every kind of image that the API takes, made of the image at a URL; in a page, and in a worker what there is.
const inPage = globalThis.document !== undefined;
const baseUrl = inPage ? document.baseURI : location.href;

export const loadImage = async (src) => {
  const image = new Image();
  image.src = src;
  await image.decode();
  return image;
};

const blobOf = async (src) => (await fetch(src)).blob();
const drawableOf = async (src) => (inPage ? loadImage(src) : createImageBitmap(await blobOf(src)));

const sizeOf = (image) => ({
  width: image.naturalWidth ?? image.width,
  height: image.naturalHeight ?? image.height,
});

function draw(canvas, image) {
  canvas.getContext('2d').drawImage(image, 0, 0);
  return canvas;
}

function offscreenOf(image) {
  const { width, height } = sizeOf(image);
  return draw(new OffscreenCanvas(width, height), image);
}

export const canvasOf = (image) =>
  inPage ? draw(Object.assign(document.createElement('canvas'), sizeOf(image)), image) : offscreenOf(image);

export function pixelsOf(image, channels) {
  const { width, height } = sizeOf(image);
  const rgba = canvasOf(image).getContext('2d').getImageData(0, 0, width, height).data;
  const data = new Uint8Array(width * height * channels);
  for (let i = 0; i < data.length; i++) data[i] = rgba[Math.floor(i / channels) * 4 + (i % channels)];
  return { data, width, height, channels };
}

const ofPage = {
  HTMLCanvasElement: async (src) => canvasOf(await loadImage(src)),
  HTMLImageElement: loadImage,
  'HTMLImageElement on its way': async (src) => Object.assign(new Image(), { src: `${src}?later` }),
  'WebGL canvas': async (src) => {
    const image = await loadImage(src);
    const { width, height } = sizeOf(image);
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
};

export const kinds = {
  ...(inPage && ofPage),
  OffscreenCanvas: async (src) => offscreenOf(await drawableOf(src)),
  ImageData: async (src) => {
    const canvas = canvasOf(await drawableOf(src));
    return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  },
  ImageBitmap: async (src) => createImageBitmap(await drawableOf(src)),
  VideoFrame: async (src) => new VideoFrame(canvasOf(await drawableOf(src)), { timestamp: 0 }),
  Blob: blobOf,
  File: async (src) => new File([await blobOf(src)], 'photo.png'),
  'relative URL': async (src) => src,
  'absolute URL': async (src) => new URL(src, baseUrl).href,
  'URL object': async (src) => new URL(src, baseUrl),
  'Pixels, RGB': async (src) => pixelsOf(await drawableOf(src), 3),
  'Pixels, RGBA': async (src) => pixelsOf(await drawableOf(src), 4),
  'Pixels in Uint8ClampedArray': async (src) => {
    const pixels = pixelsOf(await drawableOf(src), 4);
    return { ...pixels, data: Uint8ClampedArray.from(pixels.data) };
  },
};
