// The package's sample photos, and parts of them.
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

const file = (name) =>
  fileURLToPath(new URL(`./photos/${name}.jpg`, import.meta.resolve('vitreous/dist/index.js')));

export const photos = {
  airplane: file('airplane-from-above'),
  flower: file('allium-oreophilum'),
  house: file('dust-bowl-home'),
  cat: file('locomotion-house-cat'),
  boats: file('nagasaki-boats'),
};

/** A part of a photo, `x`, `y`, `width` and `height` from 0 to 1, as pixels. */
export async function part(name, { x = 0, y = 0, width = 1, height = 1 }) {
  const image = sharp(photos[name]).rotate();
  const { width: w, height: h } = await image.metadata();
  const { data, info } = await image
    .extract({
      left: Math.round(x * w),
      top: Math.round(y * h),
      width: Math.floor(width * w),
      height: Math.floor(height * h),
    })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data: new Uint8Array(data), width: info.width, height: info.height, channels: info.channels };
}
