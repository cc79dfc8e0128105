// What every test of an error asserts besides: a model made before goes on giving the same bits.
import { expect } from '@jest/globals';
import { createModel } from '../../../dist/node.mjs';

const photo = {
  data: Uint8Array.from({ length: 30 * 20 * 3 }, (_, i) => (i * 7919) % 251),
  width: 30,
  height: 20,
  channels: 3,
};

/** A packaged model in use, and `unchanged()`, which expects that its embedding is bit for bit what it was. */
export async function modelInUse() {
  const model = await createModel('vit_nano_patch16_224');
  const before = await model.embed(photo);
  return {
    model,
    async unchanged() {
      expect(await model.embed(photo)).toEqual(before);
    },
  };
}
