import { readdirSync, readFileSync } from 'node:fs';

const CLOCK_TICKS_PER_SECOND = 100;
const STATE = 0;
const PARENT = 1;
const THREADS = 17;
const START_TIME = 19;

/**
 * When a process was started, by the clock that never jumps; to ten milliseconds.
 *
 * @param {number} pid
 */
export function spawnedAtMs(pid) {
  return (Number(statOf(pid)?.[START_TIME]) / CLOCK_TICKS_PER_SECOND) * 1000;
}

/** The processes that this one started and that live. @param {number} parent */
export function childrenOf(parent) {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && Number(statOf(pid)?.[PARENT]) === parent);
}

/**
 * Whether anything of it runs. One that is dead and not yet buried does not, unless a thread of it still ends.
 *
 * @param {number} pid
 */
export function isAlive(pid) {
  const stat = statOf(pid);
  if (stat === undefined) return false;
  const isDead = stat[STATE] === 'Z' || stat[STATE] === 'X';
  return !isDead || Number(stat[THREADS]) > 1;
}

/**
 * What the kernel says of a process, from its state on; undefined when there is none.
 *
 * @param {number} pid
 */
export function statOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name before it may hold anything, brackets too.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
