import { VitreousError } from './errors.js';

/**
 * (height, width) of an `imgSize`, in whole patches.
 * @throws `INVALID_ARGUMENT` that says which sizes are near
 */
export function sidesOf(imgSize: number | [number, number], patchSize?: number): [number, number] {
  const sides = typeof imgSize === 'number' ? [imgSize, imgSize] : imgSize;
  const isSide = (side: unknown) => Number.isInteger(side) && (side as number) >= 1;
  if (!Array.isArray(sides) || sides.length !== 2 || !sides.every(isSide)) {
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `imgSize is a number of pixels or [height, width], not ${JSON.stringify(imgSize)}.`,
    );
  }
  const odd = patchSize === undefined ? undefined : sides.find((side) => side % patchSize !== 0);
  if (odd !== undefined && patchSize !== undefined) {
    const below = Math.floor(odd / patchSize) * patchSize;
    const near = below === 0 ? `${patchSize}` : `${below} or ${below + patchSize}`;
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `An image size of ${sides.join(' × ')} is not in whole patches of ${patchSize} pixels: instead of ${odd} take ${near}.`,
    );
  }
  return sides as [number, number];
}
