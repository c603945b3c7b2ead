import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { projectRoot } from '../prepare.mjs';

/** Speaks the protocol and computes nothing. */
export const STAND_IN = path.join(projectRoot, 'test', 'support', 'standIn', 'worker.mjs');

/**
 * Makes a file that can be given out as a Python interpreter and runs this script, whatever it is told.
 *
 * @param {import('../prepare.mjs').Bench} bench
 * @param {string} python the real interpreter
 * @param {string} script below bench/supervision/
 */
export async function launcher({ folder }, python, script) {
  const file = path.join(folder, script.replace(/\.py$/, ''));
  await writeFile(file, `#!/bin/sh\nexec '${python}' -B '${path.join(import.meta.dirname, script)}'\n`);
  await chmod(file, 0o755);
  return file;
}

/**
 * What a worker wrote about its calls: `begin`, `chunk` and `end`, and when.
 *
 * @typedef {{ event: string, task_id: string, ms: number }} Note
 */

/**
 * Reads the notes of the workers of one server, in order.
 *
 * @param {string} file
 * @returns {Promise<Note[]>}
 */
export async function readNotes(file) {
  const text = await readFile(file, 'utf8').catch(() => '');
  // The last line may still be in the making.
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/**
 * From the end of each call to the begin of the next one, in the worker itself.
 *
 * @param {Note[]} notes
 */
export function gapsOf(notes) {
  const calls = notes.filter(({ event }) => event === 'begin' || event === 'end');
  return calls.flatMap(({ event, ms }, at) => {
    const before = calls[at - 1];
    return event === 'begin' && before?.event === 'end' ? [ms - before.ms] : [];
  });
}
