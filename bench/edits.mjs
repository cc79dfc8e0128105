// What people do to a photo before it comes back as a copy. A photo is a PNG of sharp's; so is what leaves.
import sharp from 'sharp';

/** Strokes that spell COPY: text that needs no font. */
const LETTERS = 'M18 2H4v16h14 M24 2h14v16H24z M44 18V2h14v9H44 M64 2l7 8 7-8 M71 10v8';

const size = async (photo) => {
  const { width, height } = await sharp(photo).metadata();
  return { width, height };
};
/** The part with these corners, as fractions of the sides. */
export async function crop(photo, [left, top, right, bottom]) {
  const { width, height } = await size(photo);
  const [x, y] = [Math.round(left * width), Math.round(top * height)];
  const part = {
    left: x,
    top: y,
    width: Math.round(right * width) - x,
    height: Math.round(bottom * height) - y,
  };
  return sharp(photo).extract(part).png().toBuffer();
}
const scaled = async (photo, across, down) => {
  const { width, height } = await size(photo);
  return sharp(photo)
    .resize(Math.round(width * across), Math.round(height * down), { fit: 'fill' })
    .png()
    .toBuffer();
};
/** The same SVG over each photo, stretched to it; drawn in a box of 100 × 100. */
const drawn = async (photo, shapes) => {
  const { width, height } = await size(photo);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 100 100" preserveAspectRatio="none">${shapes}</svg>`;
  return sharp(photo)
    .composite([{ input: Buffer.from(svg) }])
    .png()
    .toBuffer();
};
/** Each value plus noise of that standard deviation, near enough: four sums of a linear congruential generator. */
const noisy = async (photo, deviation) => {
  const { data, info } = await sharp(photo).raw().toBuffer({ resolveWithObject: true });
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  for (let i = 0; i < data.length; i++) {
    const noise = (next() + next() + next() + next()) * Math.sqrt(3) * deviation;
    data[i] = Math.min(255, Math.max(0, Math.round(data[i] + noise)));
  }
  return sharp(data, { raw: info }).png().toBuffer();
};
const png = (image) => image.png().toBuffer();

/** What of a photo neither colours, contrast, noise nor sharpness change; made for the descriptor, it is no edit. */
export const greyAndBlurred = async (photo) => {
  const blurred = await png(sharp(photo).resize(224, 224, { fit: 'fill' }).grayscale().blur(5));
  return png(sharp(blurred).normalise().toColourspace('srgb'));
};

export const edits = {
  'JPEG, quality 20': (photo) => sharp(photo).jpeg({ quality: 20 }).toBuffer(),
  'shrunk to 64 px': (photo) => png(sharp(photo).resize(64, 64, { fit: 'inside' })),
  'squeezed to 60 % of its width': (photo) => scaled(photo, 0.6, 1),
  'middle 70 % of the sides': (photo) => crop(photo, [0.15, 0.15, 0.85, 0.85]),
  'corner of 50 % of the sides': (photo) => crop(photo, [0, 0, 0.5, 0.5]),
  'left 60 %': (photo) => crop(photo, [0, 0, 0.6, 1]),
  'turned by 10°, on black': (photo) => png(sharp(photo).rotate(10, { background: 'black' })),
  'turned by 90°': (photo) => png(sharp(photo).rotate(90)),
  mirrored: (photo) => png(sharp(photo).flop()),
  blurred: (photo) => png(sharp(photo).blur(4)),
  noise: (photo) => noisy(photo, 25),
  grey: (photo) => png(sharp(photo).grayscale().toColourspace('srgb')),
  'other hues': (photo) => png(sharp(photo).modulate({ hue: 60, saturation: 1.5 })),
  'brighter by half': (photo) => png(sharp(photo).modulate({ brightness: 1.5 })),
  'half the contrast': (photo) => png(sharp(photo).linear(0.5, 64)),
  'text over it': (photo) =>
    drawn(
      photo,
      `<g transform="translate(8 40) scale(1.02)"><path d="${LETTERS}" fill="none" stroke="white" stroke-width="4"/></g>`,
    ),
  'a quarter covered': (photo) => drawn(photo, '<rect x="25" y="25" width="50" height="50" fill="#888"/>'),
  'in a white frame': (photo) =>
    png(sharp(photo).extend({ top: 60, bottom: 60, left: 60, right: 60, background: 'white' })),
};
