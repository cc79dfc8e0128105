// Where does each head look? The patches that hold 60 % of its attention.
import { createModel } from 'vitreous';
import { attentionMask, upsampleMasks } from 'vitreous/recipes';
import { photos } from './photos.mjs';

const model = await createModel('vit_nano_patch16_224');
const masks = await attentionMask(model, photos.airplane, { threshold: 0.6 });
const [heads, height, width] = masks.shape;
for (let head = 0; head < heads; head++) {
  const rows = Array.from({ length: height }, (_, y) => {
    const start = (head * height + y) * width;
    return Array.from(masks.data.subarray(start, start + width), (kept) => (kept ? '██' : '· ')).join('');
  });
  console.log(`head ${head}\n${rows.join('\n')}`);
}
const large = await upsampleMasks(model, masks, { height: 224, width: 224 });
console.log(`to lay over the picture: ${large.shape.join(' × ')}`);
model.dispose();
