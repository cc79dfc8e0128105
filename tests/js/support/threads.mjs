// An engine with so many threads, in a process of its own, and what it computes. It is not disposed of: the process
// must end all the same. Prints JSON; see threads.test.mjs.
import { createHash } from 'node:crypto';
import { createModel } from '../../../dist/node.mjs';
import { generatedInput } from './golden.mjs';

const [threads] = process.argv.slice(2);
const NANO = 'vit_nano_patch16_224';
const options = threads === 'auto' ? {} : { threads: Number(threads) };
const model = await createModel(NANO, options);
const int8 = await createModel(NANO, { ...options, dtype: 'int8' });
const photo = {
  data: Uint8Array.from({ length: 301 * 199 * 3 }, (_, i) => (i * 7919) % 251),
  width: 301,
  height: 199,
  channels: 3,
};
const input = generatedInput(2);
const outputs = [
  await model.forward(input),
  await model.forwardFeatures(input),
  await model.attention(input, { layer: 2 }),
  { data: await model.embed(photo), shape: [256] },
  await int8.forward(input),
];
const digest = ({ data, shape }) => `${shape} ${createHash('sha256').update(data).digest('hex')}`;
process.stdout.write(
  JSON.stringify({ info: model.info, digests: outputs.map(digest), worker: typeof globalThis.Worker }),
);
