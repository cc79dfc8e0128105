// One contestant in a process of its own:  node child.mjs MODULE OPTIONS
// Takes commands {method, args} as JSON lines on stdin, answers {ms, cpuMs, value} or {error} on file descriptor 3.
import { createWriteStream, fstatSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [module, options] = process.argv.slice(2);
fstatSync(3); // fails at once, and clearly, when nobody listens
const answers = createWriteStream(null, { fd: 3 });

// Counts the bytes of WebAssembly that the contestant has the engine compile.
let wasmBytes = 0;
for (const name of ['compile', 'instantiate']) {
  const original = WebAssembly[name];
  WebAssembly[name] = (source, ...rest) => {
    wasmBytes += source.byteLength ?? 0;
    return original(source, ...rest);
  };
}

let contestant;
const methods = {
  async load() {
    const { load } = await import(`./contestants/${module}.mjs`);
    contestant = await load(JSON.parse(options));
    await contestant.run();
    return contestant.info;
  },
  // Of the whole process, threads and all.
  resources: () => ({ peakBytes: process.resourceUsage().maxRSS * 1024, wasmBytes }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { method, args } = JSON.parse(line);
  let answer;
  try {
    const cpu = process.cpuUsage();
    const start = performance.now();
    const value = await (methods[method] ?? contestant[method])(...args);
    const ms = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    answer = { ms, cpuMs: (user + system) / 1000, value };
  } catch (error) {
    answer = { error: { code: error.code, message: error.message ?? String(error) } };
  }
  answers.write(`${JSON.stringify(answer)}\n`);
}
process.exit(); // worker threads of a contestant may still be waiting
