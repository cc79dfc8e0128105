// Running other programs: output to a log file, its last lines shown on failure.
import { execFile, spawn } from 'node:child_process';
import { accessSync, constants, createWriteStream, mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, delimiter, join } from 'node:path';
import { cacheDir } from './cache.mjs';
import { SetupError, step } from './log.mjs';

const TAIL_LINES = 60;

/** The last lines of a text, for an error message. */
export const tail = (text) => text.trimEnd().split('\n').slice(-TAIL_LINES).join('\n');

/**
 * Runs a command with stdout and stderr in a log file of the cache folder.
 * @param {string} command
 * @param {string[]} args
 * @param {{ title?: string, cwd?: string, env?: object, allowFailure?: boolean }} options `title` is shown as a step
 *   and names the log; `env` is added to the process's own; `allowFailure` returns a failed status instead of throwing.
 * @returns {Promise<{ status: number, reason: string, output: string, log: string }>} `reason` is how it ended, in words
 */
export function run(command, args, { title = basename(command), cwd, env, allowFailure = false } = {}) {
  const logs = join(cacheDir(), 'logs');
  mkdirSync(logs, { recursive: true });
  const log = join(logs, `${title.toLowerCase().replace(/[^a-z0-9]+/g, '-')}.log`);
  return step(title, async () => {
    const { status, reason } = await new Promise((resolve) => {
      const file = createWriteStream(log);
      const child = spawn(command, args, {
        cwd,
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      child.stdout.pipe(file, { end: false });
      child.stderr.pipe(file, { end: false });
      const finish = (result) => file.end(() => resolve(result));
      child.on('error', (error) => finish({ status: 127, reason: error.message }));
      child.on('close', (code, signal) =>
        finish({ status: code ?? 1, reason: signal ? `ended by ${signal}` : `exit status ${code}` }),
      );
    });
    const output = await readFile(log, 'utf8');
    if (status !== 0 && !allowFailure) {
      const shown = `${command} ${args.join(' ')}`;
      throw new SetupError(
        `${title} failed (${reason}):\n  ${shown}\n\n${tail(output)}\n\nThe whole output: ${log}`,
      );
    }
    return { status, reason, output, log };
  });
}

/** The stdout of a quick command, or null when it cannot be run or fails. */
export function capture(command, args, { env } = {}) {
  return new Promise((resolve) => {
    execFile(command, args, { env: { ...process.env, ...env }, maxBuffer: 1 << 26 }, (error, stdout) =>
      resolve(error ? null : stdout),
    );
  });
}

/** The absolute path of the first of these commands on PATH, or undefined. */
export function findOnPath(commands, env = process.env) {
  const paths = commands.flatMap((command) => env.PATH.split(delimiter).map((dir) => join(dir, command)));
  return paths.find(isExecutable);
}

/** Whether this is a program that we may run. */
export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
