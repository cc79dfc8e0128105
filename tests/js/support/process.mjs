// Programs of their own for a test: the command line, or a script whose memory or Node flags are its own.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
export const cli = here('../../../dist/cli.mjs');

/** Runs a program to its end: `{ status, stdout, stderr }`, stdout as bytes. */
export async function run(command, args, { cwd, env } = {}) {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const collect = async (stream) => {
    const parts = [];
    for await (const part of stream) parts.push(part);
    return Buffer.concat(parts);
  };
  const closed = new Promise((done, failed) => child.on('error', failed).on('close', done));
  const [stdout, stderr, status] = await Promise.all([collect(child.stdout), collect(child.stderr), closed]);
  return { status, stdout, stderr: stderr.toString() };
}

/** The Node flag under which a wasm variant is chosen. */
export const variantFlag = {
  simd: '--no-experimental-wasm-relaxed-simd',
  relaxed: '--experimental-wasm-relaxed-simd',
};

/** `vitreous …`, in the wasm variant of this process. */
export const vitreous = (...args) => run(process.execPath, [...simdFlags, cli, ...args]);
const simdFlags = process.execArgv.filter((flag) => flag.endsWith('wasm-relaxed-simd'));

/** Runs tests/js/support/SCRIPT with these Node flags (default: this process’s variant) and arguments; what it prints as JSON, nothing if it is `killed`. */
export async function runScript(script, { flags, args = [], env = {}, killed = false } = {}) {
  const all = [...(flags ?? simdFlags), here(`./${script}`), ...args];
  const { status, stdout, stderr } = await run(process.execPath, all, { env });
  if (killed && status === null) return undefined;
  if (killed || status !== 0) throw new Error(`${script} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout.toString());
}
