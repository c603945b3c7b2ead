import path from 'node:path';

import { inOwnFolder } from './contest.mjs';
import { readForwards, secondsIn } from './forwards.mjs';
import { startProgram } from './program.mjs';

/**
 * What no contender can be faster than: the network's own time for the songs, in a warm process that does nothing
 * beside.
 *
 * @typedef {object} Floor
 * @property {number} seconds
 * @property {number[]} calls forward calls of each song
 */

/**
 * Measures the floor once.
 *
 * @param {import('./contest.mjs').Contest} contest
 * @returns {Promise<Floor>}
 */
export function measureFloor(contest) {
  return inOwnFolder(contest, 'floor', async ({ bench, model, device, songs, folder, env }, notes) => {
    const script = path.join(import.meta.dirname, 'floor.py');
    const args = [script, model.config, model.checkpoint, model.architecture, device, ...songs];
    const program = startProgram(bench.engine, args, { env, cwd: folder });
    /** @type {number[]} */
    const moments = [];
    for (let told = 0; told <= songs.length; told += 1) moments.push(await momentIn(program));
    await program.ended;
    const forwards = await readForwards(notes, moments[0] ?? 0);
    const calls = songs.map((_, at) => {
      const [from = 0, until = 0] = moments.slice(at, at + 2);
      return forwards.filter(({ began }) => began >= from && began < until).length;
    });
    return { seconds: secondsIn(forwards), calls };
  });
}

/** @param {import('./program.mjs').Program} program */
async function momentIn(program) {
  const line = await program.line('song ');
  return Number(line.slice('song '.length)) / 1e6;
}
