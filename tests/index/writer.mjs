// A process that changes an index until it is killed, and says after each change that it was acknowledged.
//   node writer.mjs FILE SEED COUNT: goes on after COUNT operations
import { writeSync } from 'node:fs';
import { ImageIndex } from 'vitreous/search';
import { DIM, History, perform } from './operations.mjs';

const [path, seed, count] = process.argv.slice(2);
const index = await ImageIndex.open({ path, dim: DIM, metric: 'dot', threads: 1 });
const history = new History(Number(seed), Number(count));
writeSync(1, `${history.count}\n`);
for (;;) {
  await perform(index, history.next());
  writeSync(1, `${history.count}\n`);
}
