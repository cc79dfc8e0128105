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

/** Nothing in the memory of the engine that started last means anything any more. */
export function overwriteMemory() {
  new Uint8Array(globalThis.engines.at(-1).buffer).fill(0xff);
}
