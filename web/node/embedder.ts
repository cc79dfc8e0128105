// A process that looks at images for another one (processes.ts), with a model of its own.
import { create } from '../create.js';
import { toVitreousError } from '../errors.js';
import type { VisionTransformer } from '../model.js';
import { isAboutImage } from '../search/collection.js';
import { fingerprintOf } from '../search/fingerprint.js';
import { env } from '../settings.js';
import { digestOf } from './digest.js';
import { host } from './host.js';
import type { Answer, FileAnswer, FileQuestion, Question } from './processes.js';

const tell = (answer: Answer) => process.send?.(answer);

async function open({ name, options, settings }: Question & { kind: 'open' }): Promise<VisionTransformer> {
  Object.assign(env, settings);
  const model = await create(host, name, options);
  tell({ kind: 'ready', probe: (await fingerprintOf(model, undefined)).probe });
  return model;
}

async function look(model: VisionTransformer, files: FileQuestion[]): Promise<FileAnswer[]> {
  const answers: FileAnswer[] = await Promise.all(
    files.map(async ({ path, known }) => {
      try {
        const sha256 = await digestOf(path);
        return { sha256, same: sha256 === known };
      } catch (error) {
        return { error: plain(error) };
      }
    }),
  );
  const wanted = files.flatMap(({ path }, i) => {
    const answer = answers[i] as FileAnswer;
    return answer.error || answer.same ? [] : [{ path, answer }];
  });
  const embed = async (some: typeof wanted) => {
    const vectors = await model.embed(some.map(({ path }) => path));
    for (const [i, { answer }] of some.entries()) answer.vector = vectors[i] as Float32Array;
  };
  if (wanted.length === 0) return answers;
  try {
    await embed(wanted);
  } catch (error) {
    if (!isAboutImage(error)) throw error;
    for (const one of wanted)
      await embed([one]).catch((own) => {
        if (!isAboutImage(own)) throw own;
        one.answer.error = plain(own);
      });
  }
  return answers;
}

function plain(error: unknown) {
  const { code, message } = toVitreousError(error);
  return { code, message };
}

let model: Promise<VisionTransformer>;
process.on('message', async (question: Question) => {
  try {
    if (question.kind === 'open') {
      model = open(question);
      await model;
    } else tell({ kind: 'looked', answers: await look(await model, question.files) });
  } catch (error) {
    tell({ kind: 'failed', error: plain(error) });
  }
});
process.on('disconnect', () => process.exit()); // the other one is gone
process.on('SIGINT', () => {}); // Ctrl-C goes to both: the other one ends this one when it has written what is done
