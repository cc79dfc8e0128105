// A process that changes an index until it is killed, and says after each change that it was acknowledged.
//   node writer.mjs FILE SEED COUNT [full]
// It goes on after COUNT changes. With `full` it adds until there is no room, and says what happened then.
import { writeSync } from 'node:fs';
import { ImageIndex } from 'vitreous/search';
import { contents, DIM, difference, History, perform, vectorOf } from './operations.mjs';

const [path, seed, count, full] = process.argv.slice(2);
const index = await ImageIndex.open({ path, dim: DIM, metric: 'dot', threads: 1 });
const history = new History(Number(seed), Number(count), { trains: true });
const acknowledge = () => writeSync(1, `${history.count}\n`);
acknowledge();
while (!full || history.count < 5) {
  await perform(index, history.next());
  acknowledge();
}
const many = Array.from({ length: 2000 }, (_, n) => ({
  id: `many ${n}`,
  vector: vectorOf(n),
  metadata: { n },
}));
const code = await index.add(many).then(
  () => 'none',
  (error) => error.code,
);
const same = () => contents(index, [1]).then((found) => difference(history.state, found, [1]) === undefined);
const unchanged = await same();
await perform(index, history.next());
writeSync(1, `${JSON.stringify({ code, count: history.count, same: unchanged && (await same()) })}\n`);
await index.close();
