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
 * @property {(python: string, ...args: string[]) => Promise<string>} runPython runs a script for what it prints; throws
 *   its output
 * @property {import('../setup/setUp.mjs').Setting} setting for what a bench sets up for itself
 */

/**
 * Sets up as `npm start` does, runs a bench in a folder of its own, and removes the folder, also on Ctrl-C.
 *
 * @param {(bench: Bench) => Promise<void>} work
 */
export async function runBench(work) {
  const { run, stop } = createRunner({ cwd: projectRoot, env: process.env, onSpawn: () => undefined });
  /** @type {import('../setup/setUp.mjs').Setting} */
  const setting = {
    root: projectRoot,
    env: process.env,
    run,
    report: createReport(process.stderr),
    access: { kind: 'work' },
  };
  const { media, engine } = preparedAlready() ?? (await prepare(setting));
  const data = path.join(projectRoot, 'data');
  mkdirSync(data, { recursive: true });
  const folder = mkdtempSync(path.join(data, 'bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
    process.on(signal, () => {
      // What it runs leads groups of its own, which no terminal's Ctrl-C reaches.
      stop(signal);
      process.exit(1);
    });
  }
  await work({
    folder,
    media,
    engine,
    setting,
    async runPython(python, ...args) {
      const { code, output, stdout } = await run(python, args);
      if (code !== 0) throw new Error(`${args.join(' ')} failed: ${output}`);
      return stdout;
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

/** Whoever sets up and then runs this, as the tests do, names the interpreters as the set-up names them to the server. */
function preparedAlready() {
  const { MSST_SERVE_INTERNAL_MEDIA_PYTHON: media, MSST_SERVE_INTERNAL_ENGINE_PYTHON: engine } = process.env;
  return media && engine ? { media, engine } : null;
}

/** @param {import('../setup/setUp.mjs').Setting} setting */
async function prepare(setting) {
  const lock = await takeLock(path.join(projectRoot, '.setup', 'lock'), {
    onWait: (pid) => setting.report.say(`waiting for the set-up of process ${pid} in this folder`),
    isStopped: () => false,
  });
  try {
    return await setUp(setting, { mode: 'start', argv: [] });
  } finally {
    lock?.release();
  }
}
