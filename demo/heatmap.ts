import type { DataConfig } from 'vitreous';
import { context2d } from './dom.js';

/** Attention of the CLS token on the patches. */
export interface Maps {
  heads: number;
  rows: number;
  columns: number;
  /** (heads, rows, columns) */
  data: Float32Array;
}

/** A rectangle in pixels of the photo, or of whatever shows it. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A head's map, or the mean of all heads. */
export function mapOf(maps: Maps, head: number | 'mean'): Float32Array {
  const size = maps.rows * maps.columns;
  if (head !== 'mean') return maps.data.slice(head * size, (head + 1) * size);
  const mean = new Float32Array(size);
  maps.data.forEach((value, i) => {
    mean[i % size] = (mean[i % size] as number) + value / maps.heads;
  });
  return mean;
}

/**
 * The part of an upright photo that the model sees, as timm's eval transform cuts it: the photo is resized to
 * `inputSize / cropPct`, and the middle of that is taken.
 */
export function cropOf(width: number, height: number, { inputSize, cropPct, cropMode }: DataConfig): Box {
  const [, inputHeight, inputWidth] = inputSize;
  const scales = [
    Math.floor(inputWidth / cropPct) / width,
    Math.floor(inputHeight / cropPct) / height,
  ] as const;
  const one = cropMode === 'border' ? Math.min(...scales) : Math.max(...scales);
  const [scaleX, scaleY] = cropMode === 'squash' ? scales : [one, one];
  const [w, h] = [inputWidth / scaleX, inputHeight / scaleY];
  return { x: (width - w) / 2, y: (height - h) / 2, width: w, height: h };
}

// matplotlib's magma at nine places: perceptually even, and it reads without colour vision.
const MAGMA = [0x000004, 0x1c1044, 0x4f127b, 0x812581, 0xb5367a, 0xe55064, 0xfb8761, 0xfec287, 0xfcfdbf];

/** The colour of a value from 0 to 1 as [red, green, blue]. */
export function magma(value: number): [number, number, number] {
  const at = Math.min(1, Math.max(0, value)) * (MAGMA.length - 1);
  const low = Math.min(Math.floor(at), MAGMA.length - 2);
  const mix = (shift: number) => {
    const [a, b] = [MAGMA[low] as number, MAGMA[low + 1] as number].map((c) => (c >> shift) & 255) as [
      number,
      number,
    ];
    return Math.round(a + (b - a) * (at - low));
  };
  return [mix(16), mix(8), mix(0)];
}

const SHADES = Array.from({ length: 256 }, (_, i) => magma(i / 255));

/** Keys' cubic with a = −0.5, the kernel of the model's own preprocessing. */
function cubic(distance: number): number {
  const t = Math.abs(distance);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

/** Enlarges each row of a map bicubically and returns the result transposed, so that twice does both directions. */
function enlargeRows(map: Float32Array, rows: number, columns: number, scale: number): Float32Array {
  const wide = columns * scale;
  const result = new Float32Array(wide * rows);
  for (let x = 0; x < wide; x++) {
    const center = (x + 0.5) / scale - 0.5;
    const first = Math.floor(center) - 1;
    const weights = [0, 1, 2, 3].map((i) => cubic(center - first - i));
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let i = 0; i < 4; i++) {
        const column = Math.min(columns - 1, Math.max(0, first + i));
        sum += (weights[i] as number) * (map[row * columns + column] as number);
      }
      result[x * rows + row] = sum;
    }
  }
  return result;
}

/**
 * A map as a picture, `scale` pixels a patch, its largest value the brightest. Where the model hardly looks, the
 * picture is clear, and the photo under it shows.
 * @param opacity - of the brightest spots; 1 hides the photo
 */
export function heatmap(map: Float32Array, rows: number, columns: number, scale: number, opacity: number) {
  const across = enlargeRows(map, rows, columns, scale);
  const smooth = enlargeRows(across, columns * scale, rows, scale);
  const top = map.reduce((a, b) => Math.max(a, b), 0) || 1;
  const canvas = document.createElement('canvas');
  const context = context2d(canvas, columns * scale, rows * scale);
  const image = context.createImageData(canvas.width, canvas.height);
  const { data } = image;
  for (let i = 0; i < smooth.length; i++) {
    const share = Math.min(1, Math.max(0, (smooth[i] as number) / top));
    const [red, green, blue] = SHADES[Math.round(255 * share)] as [number, number, number];
    data[4 * i] = red;
    data[4 * i + 1] = green;
    data[4 * i + 2] = blue;
    data[4 * i + 3] = opacity === 1 ? 255 : 255 * opacity * Math.min(1, 0.25 + 1.2 * share);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
