import { now } from '../supervision/clock.mjs';
import { cpuSecondsOfAll, residentBytesOfAll } from './processTree.mjs';

const LOOK_EVERY_MS = 250;

/**
 * What some work cost.
 *
 * @typedef {object} Cost
 * @property {number} beganAt ms by the clock that never jumps
 * @property {number} wall seconds
 * @property {number} cpu seconds, user and system, of all processes that were started for it
 * @property {number} peakBytes resident memory of those, looked at four times a second
 */

/**
 * Does the work and says what it cost.
 *
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<{ result: T, cost: Cost }>}
 */
export async function measured(work) {
  let peakBytes = 0;
  const look = () => (peakBytes = Math.max(peakBytes, residentBytesOfAll()));
  const timer = setInterval(look, LOOK_EVERY_MS);
  try {
    const cpuBefore = cpuSecondsOfAll();
    const beganAt = now();
    const result = await work();
    const wall = (now() - beganAt) / 1000;
    look();
    return { result, cost: { beganAt, wall, cpu: cpuSecondsOfAll() - cpuBefore, peakBytes } };
  } finally {
    clearInterval(timer);
  }
}
