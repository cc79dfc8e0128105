// Contestants in processes of their own, and rounds in which they take turns.
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { cacheDir } from '../scripts/setup/cache.mjs';
import { root } from '../scripts/setup/index.mjs';
import { tail } from '../scripts/setup/run.mjs';
import { median } from './stats.mjs';

const file = (name) => fileURLToPath(new URL(name, import.meta.url));

/** A contestant's process. Its output goes to a log file in the cache folder. */
export class Child {
  #process;
  #lines;
  #log;
  #end;

  /**
   * @param {{ name: string, module?: string, python?: string, options: object }} contestant `module`: of
   *   contestants/*.mjs; `python`: a class of contestants/natives.py
   * @param {{ node: string, python: string }} programs
   */
  constructor({ name, module, python, options }, programs) {
    this.name = name;
    const command = python
      ? [programs.python, file('child.py'), python]
      : [programs.node, file('child.mjs'), module];
    const logs = join(cacheDir(), 'logs');
    mkdirSync(logs, { recursive: true });
    this.#log = join(logs, `bench-${name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}.log`);
    const [program, ...args] = [...command, JSON.stringify(options)];
    // Libraries that size their thread pools by this find what was asked for.
    const env = { ...process.env, OMP_NUM_THREADS: String(options.threads ?? availableParallelism()) };
    this.#process = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
    const log = createWriteStream(this.#log);
    this.#process.stdout.pipe(log, { end: false });
    this.#process.stderr.pipe(log, { end: false });
    this.#process.stdin.on('error', () => {}); // of one that has ended: the missing answer tells
    this.#end = new Promise((resolve) => {
      this.#process.on('error', (error) => log.end(`${error.message}\n`, resolve));
      this.#process.on('close', () => log.end(resolve));
    });
    this.#lines = createInterface({ input: this.#process.stdio[3] })[Symbol.asyncIterator]();
  }

  /** @returns {Promise<{ ms: number, cpuMs: number, value: any }>} */
  async call(method, ...args) {
    this.#process.stdin.write(`${JSON.stringify({ method, args })}\n`);
    const { value: line, done } = await this.#lines.next();
    if (done) {
      await this.#end;
      throw new Error(`${this.name} ended: ${tail(readFileSync(this.#log, 'utf8')) || 'without a word'}`);
    }
    const answer = JSON.parse(line);
    if (answer.error) throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
    return answer;
  }

  async stop() {
    this.#process.stdin.end();
    await this.#end;
  }
}

/**
 * Lets contestants take turns, A B C A B C …, so that whatever slows the machine down for a while slows all of them.
 * @param {{ child: Child, method?: string, args?: any[] }[]} turns
 * @param {{ rounds: number, warmUp: number, runs: number }} pace `warmUp` calls of each before the first round; in a
 *   turn one call that is not counted, which fetches what the others have displaced from the caches, then `runs`
 * @returns {Promise<{ ms: number[], values: any[], cores: number }[]>} for each turn: the median of each round, what
 *   each round's last call returned, and the CPU time for each second
 */
export async function takeTurns(turns, { rounds, warmUp, runs }) {
  const results = turns.map(() => ({ ms: [], values: [], cpuMs: 0, wallMs: 0 }));
  const call = ({ child, method = 'run', args = [] }) => child.call(method, ...args);
  for (const turn of turns) {
    for (let i = 0; i < warmUp; i++) await call(turn);
  }
  for (let round = 0; round < rounds; round++) {
    for (const [i, turn] of turns.entries()) {
      await call(turn);
      const answers = [];
      for (let run = 0; run < runs; run++) answers.push(await call(turn));
      results[i].ms.push(median(answers.map(({ ms }) => ms)));
      results[i].values.push(answers.at(-1).value);
      for (const { ms, cpuMs } of answers) {
        results[i].cpuMs += cpuMs;
        results[i].wallMs += ms;
      }
    }
  }
  return results.map(({ ms, values, cpuMs, wallMs }) => ({ ms, values, cores: cpuMs / wallMs }));
}

/**
 * Starts contestants one after the other. One that cannot be had is left out, with the reason.
 * @returns {Promise<{ started: { contestant: object, child: Child, loadMs: number, info: object }[], absent: object[] }>}
 */
export async function startAll(contestants, programs) {
  const started = [];
  const absent = [];
  for (const contestant of contestants) {
    const child = new Child(contestant, programs);
    try {
      const { ms, value: info } = await child.call('load');
      started.push({ contestant, child, loadMs: ms, info });
    } catch (error) {
      await child.stop();
      absent.push({ name: contestant.name, reason: error.message.split('\n').at(-1).replaceAll(root, '') });
    }
  }
  return { started, absent };
}
