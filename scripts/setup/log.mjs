// Progress on the terminal: one line a step, with the seconds it took.
import { AsyncLocalStorage } from 'node:async_hooks';

/** An error whose message says what is missing and what to do; printed without a stack. */
export class SetupError extends Error {
  name = 'SetupError';
}

const steps = new AsyncLocalStorage();
const seconds = (start) => `${((performance.now() - start) / 1000).toFixed(1)} s`;

/** Prints a line of information. */
export function say(line) {
  if (process.stdout.isTTY) process.stdout.write('\r\x1b[K');
  process.stdout.write(`${line}\n`);
}

/** Adds to the line of the step that is under way, shown when it ends. */
export function note(text) {
  const current = steps.getStore();
  if (current) current.note = `: ${text}`;
}

// Those that go on now: a terminal has one line for all of them.
const running = new Set();

/**
 * Runs `work`, showing that it goes on (a ticking line on a terminal, a line every 15 s elsewhere) and how
 * long it took. A step inside another one is part of it and prints nothing of its own.
 */
export async function step(title, work) {
  if (steps.getStore()) return work();
  const tty = process.stdout.isTTY;
  const start = performance.now();
  const current = { note: '', toString: () => `${title} (${seconds(start)})` };
  running.add(current);
  if (!tty) say(`  ... ${title}`);
  const tick = () => {
    if (tty) process.stdout.write(`\r\x1b[K  ... ${[...running].join(', ')}`);
    else say(`  ... ${current}`);
  };
  const timer = setInterval(tick, tty ? 250 : 15_000);
  try {
    const result = await steps.run(current, work);
    say(`  ok  ${title}${current.note} (${seconds(start)})`);
    return result;
  } catch (error) {
    say(`FAIL  ${title}${current.note} (${seconds(start)})`);
    throw error;
  } finally {
    clearInterval(timer);
    running.delete(current);
  }
}

/** Runs a script's main function: a SetupError ends it with its message alone, anything else with its stack. */
export async function main(work) {
  try {
    await work();
  } catch (error) {
    process.stderr.write(`\n${error instanceof SetupError ? error.message : error.stack}\n`);
    process.exitCode = 1;
  }
}
