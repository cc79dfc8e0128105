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

/** What of a photo no plain border, colours, contrast, noise or sharpness change; made for the descriptor, it is no edit. */
export const secondView = async (photo) => {
  const inside = await png(sharp(photo).trim());
  const blurred = await png(sharp(inside).resize(224, 224, { fit: 'fill' }).grayscale().blur(5));
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

const between = (random, least, most) => least + (most - least) * random();
const anyColour = (random) => `rgb(${[0, 0, 0].map(() => Math.floor(between(random, 0, 256))).join()})`;

/**
 * Edits to learn from, of the kinds above but at strengths and places that `random` draws, a function that gives numbers
 * from 0 to below 1; by families. `like`: the edits above that are of the family.
 */
export const families = [
  {
    like: ['JPEG, quality 20', 'shrunk to 64 px'],
    draws: [
      (photo, random) =>
        sharp(photo)
          .jpeg({ quality: Math.floor(between(random, 10, 50)) })
          .toBuffer(),
      (photo, random) => {
        const longest = Math.floor(between(random, 40, 120));
        return png(sharp(photo).resize(longest, longest, { fit: 'inside' }));
      },
    ],
  },
  {
    like: ['squeezed to 60 % of its width'],
    draws: [(photo, random) => scaled(photo, between(random, 0.5, 1), between(random, 0.5, 1))],
  },
  {
    like: ['middle 70 % of the sides', 'corner of 50 % of the sides', 'left 60 %'],
    draws: [
      (photo, random) => {
        const [width, height] = [between(random, 0.4, 0.95), between(random, 0.4, 0.95)];
        const [left, top] = [between(random, 0, 1 - width), between(random, 0, 1 - height)];
        return crop(photo, [left, top, left + width, top + height]);
      },
    ],
  },
  {
    like: ['turned by 10°, on black'],
    draws: [
      (photo, random) =>
        png(sharp(photo).rotate(between(random, -20, 20), { background: anyColour(random) })),
    ],
  },
  {
    like: ['turned by 90°', 'mirrored'],
    draws: [
      (photo, random) => png(sharp(photo).rotate(90 * Math.floor(between(random, 1, 4)))),
      (photo) => png(sharp(photo).flop()),
    ],
  },
  {
    like: ['blurred', 'noise'],
    draws: [
      (photo, random) => png(sharp(photo).blur(between(random, 1.5, 7))),
      (photo, random) => noisy(photo, between(random, 8, 40)),
    ],
  },
  {
    like: ['grey', 'other hues'],
    draws: [
      (photo) => png(sharp(photo).grayscale().toColourspace('srgb')),
      (photo, random) => {
        const [hue, saturation] = [Math.round(between(random, -120, 120)), between(random, 0.4, 1.8)];
        return png(sharp(photo).modulate({ hue, saturation }));
      },
    ],
  },
  {
    like: ['brighter by half', 'half the contrast'],
    draws: [
      (photo, random) => png(sharp(photo).modulate({ brightness: between(random, 0.5, 1.7) })),
      (photo, random) => {
        const slope = between(random, 0.35, 1.6);
        return png(sharp(photo).linear(slope, 128 * (1 - slope)));
      },
    ],
  },
  {
    like: ['text over it', 'a quarter covered'],
    draws: [
      (photo, random) => {
        const turn = () => `${between(random, -30, 40).toFixed()} ${between(random, -20, 40).toFixed()}`;
        const start = `${between(random, 10, 60).toFixed()} ${between(random, 10, 60).toFixed()}`;
        const line = `M${start}l${turn()} ${turn()} ${turn()}`;
        const width = between(random, 2, 8).toFixed(1);
        return drawn(
          photo,
          `<path d="${line}" fill="none" stroke="${anyColour(random)}" stroke-width="${width}"/>`,
        );
      },
      (photo, random) => {
        const [x, y] = [between(random, 0, 50), between(random, 0, 50)];
        const [width, height] = [between(random, 25, 50), between(random, 25, 50)];
        return drawn(
          photo,
          `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${anyColour(random)}"/>`,
        );
      },
    ],
  },
  {
    like: ['in a white frame'],
    draws: [
      (photo, random) => {
        const [top, bottom, left, right] = Array.from({ length: 4 }, () =>
          Math.floor(between(random, 10, 90)),
        );
        return png(sharp(photo).extend({ top, bottom, left, right, background: anyColour(random) }));
      },
    ],
  },
];

/** One edit of the family. */
export const practise = ({ draws }, photo, random) =>
  draws[Math.floor(between(random, 0, draws.length))](photo, random);
