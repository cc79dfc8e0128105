// A "video" made of a photo: the view pans, and the label of the first frame moves along.
import { createModel } from 'vitreous';
import { LabelPropagation } from 'vitreous/recipes';
import { part } from './photos.mjs';

const model = await createModel('vit_nano_patch16_224');
const view = (t) => part('airplane', { x: 0.05 * t, width: 0.7, height: 0.9 });
const frames = await Promise.all([0, 1, 2, 3, 4].map(view));

// The middle of the first frame is class 1.
const { width, height } = frames[0];
const inside = (i) => {
  const [x, y] = [(i % width) / width, Math.floor(i / width) / height];
  return Math.abs(x - 0.6) < 0.2 && Math.abs(y - 0.5) < 0.2;
};
const mask = {
  data: Uint8Array.from({ length: width * height }, (_, i) => (inside(i) ? 1 : 0)),
  width,
  height,
};

const video = new LabelPropagation(model);
await video.start(frames[0], mask);
for (const [t, frame] of frames.slice(1).entries()) {
  const { labels } = await video.next(frame);
  const [gridHeight, gridWidth] = labels.shape;
  const columns = [...labels.data.keys()].filter((i) => labels.data[i] === 1).map((i) => i % gridWidth);
  const middle = columns.reduce((sum, x) => sum + x + 0.5, 0) / columns.length / gridWidth;
  console.log(
    `frame ${t + 1}: ${columns.length} of ${gridHeight * gridWidth} patches, middle at ${middle.toFixed(2)}`,
  );
}
video.dispose();
model.dispose();
