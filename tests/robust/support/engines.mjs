// Ways to harm an engine that is not in the package: run in its worker, or in its process.

/** A script that runs before the package's own, and notes the instances that are made after it. */
export const keptEngines = `{
  const { instantiate } = WebAssembly;
  const engines = (globalThis.engines = []);
  WebAssembly.instantiate = async (...args) => {
    const instance = await instantiate(...args);
    const memories = [...Object.values(instance.exports), ...Object.values(args[1]).flatMap(Object.values)];
    engines.push(memories.find((value) => value instanceof WebAssembly.Memory));
    return instance;
  };
}`;

/** The worker that started last (and no thread, which would not listen) ends itself, of which no event tells. Resolves when the page knows. */
export async function endWorker(page) {
  const living = () =>
    page.evaluate(async () => {
      const { held } = await navigator.locks.query();
      return held.filter(({ name }) => name.startsWith('vitreous:life')).length;
    });
  const before = await living();
  await page
    .workers()
    .at(-1)
    .evaluate(() => {
      setTimeout(() => self.close()); // after the answer
    });
  while ((await living()) >= before);
}

/** Nothing in the memory of the engines means anything any more. */
export function overwriteMemory() {
  for (const { buffer } of globalThis.engines) new Uint8Array(buffer).fill(0xff);
}
