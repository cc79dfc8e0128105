// A process of its own that loads a checkpoint from a URL, so often. Prints JSON; `killed`: dies once bytes have come and
// no more do.
//   node load_url.mjs URL COUNT [killed]
import { createModel, env } from '../../../dist/node.mjs';
import { generatedInput } from './golden.mjs';

const [weights, count, killed] = process.argv.slice(2);
env.retryDelay = 1;
const warnings = [];
console.warn = (text) => warnings.push(text);
const embeddings = [];
const cached = [];
for (let i = 0; i < Number(count); i++) {
  const onProgress = () => {
    if (killed) setTimeout(() => process.kill(process.pid, 'SIGKILL'), 1000);
  };
  const model = await createModel('vit_nano_patch16_224', { weights, threads: 1, onProgress });
  embeddings.push(Array.from(await model.embed(generatedInput())));
  cached.push(model.info.cached);
  model.dispose();
}
process.stdout.write(JSON.stringify({ warnings, embeddings, cached }));
