import { mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { takeLock } from '../setup/lock.mjs';
import { createReport } from '../setup/report.mjs';
import { createRunner } from '../setup/runCommand.mjs';
import { setUp } from '../setup/setUp.mjs';

export const projectRoot = path.resolve(import.meta.dirname, '..');

/**
 * What a bench works with.
 *
 * @typedef {object} Bench
 * @property {string} folder an empty one on the disk of the project, removed at the end
 * @property {string} media the interpreter that has PyAV
 * @property {string} engine the interpreter that has torch and MSST
 * @property {(python: string, ...args: string[]) => Promise<void>} runPython runs a script; throws its output
 */

/**
 * Sets up as `npm start` does, runs a bench in a folder of its own, and removes the folder, also on Ctrl-C.
 *
 * @param {(bench: Bench) => Promise<void>} work
 */
export async function runBench(work) {
  const { run } = createRunner({ cwd: projectRoot, env: process.env, onSpawn: () => undefined });
  const { media, engine } = await prepare(run);
  const data = path.join(projectRoot, 'data');
  mkdirSync(data, { recursive: true });
  const folder = mkdtempSync(path.join(data, 'bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
  await work({
    folder,
    media,
    engine,
    async runPython(python, ...args) {
      const { code, output } = await run(python, args);
      if (code !== 0) throw new Error(`${args.join(' ')} failed: ${output}`);
    },
  });
}

/**
 * Loads a module of the built server: only when it is asked for, because the set-up may only just have built it.
 *
 * @param {string} module below dist/
 */
export function built(module) {
  return import(pathToFileURL(path.join(projectRoot, 'dist', module)).href);
}

/** @param {import('../setup/runCommand.mjs').Run} run */
async function prepare(run) {
  const report = createReport(process.stderr);
  const lock = await takeLock(path.join(projectRoot, '.setup', 'lock'), {
    onWait: (pid) => report.say(`waiting for the set-up that process ${pid} does in this folder`),
    isStopped: () => false,
  });
  try {
    return await setUp({ root: projectRoot, env: process.env, run, report }, { mode: 'start', argv: [] });
  } finally {
    lock?.release();
  }
}
