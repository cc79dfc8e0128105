// A user's own worker: everything runs right here.
import './problems.js';
import { run } from './run.js';

self.onmessage = async ({ data: step }) => {
  let answer;
  try {
    answer = { result: await run(step) };
  } catch (error) {
    answer = { error: `${error}\n${error.stack}` };
  }
  self.postMessage({ ...answer, problems: self.problems.splice(0) });
};
self.postMessage('ready');
