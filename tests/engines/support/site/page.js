// `run(step)` in this page, or with `?where=worker` in a worker of its own.
const { searchParams } = new URL(location.href);

async function startWorker() {
  const worker = new Worker(`own-worker.js${location.search}`, { type: 'module' });
  const answers = [];
  worker.onmessage = ({ data }) => answers.shift()(data);
  worker.onerror = ({ message }) => {
    for (const answer of answers.splice(0)) answer({ error: `the worker: ${message}` });
  };
  const answer = () => new Promise((resolve) => answers.push(resolve));
  await answer(); // it is ready
  return async (step) => {
    worker.postMessage(step);
    const { result, error, problems = [] } = await answer();
    globalThis.problems.push(...problems);
    if (error !== undefined) throw new Error(error);
    return result;
  };
}

globalThis.run =
  searchParams.get('where') === 'worker' ? await startWorker() : (await import('./run.js')).run;
