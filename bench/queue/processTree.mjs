import { readdirSync, readFileSync } from 'node:fs';

import { statOf } from '../supervision/processes.mjs';

const CLOCK_TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;
const PARENT = 1;
/** User and system time, its own and that of its children that have ended; the last two alone. */
const TIMES = [11, 12, 13, 14];
const CHILDRENS_TIMES = [13, 14];

/** Every process that this one started, or that those started. @returns {Map<number, string[]>} pid to its stat */
function descendants() {
  const stats = new Map(
    readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0)
      .flatMap((pid) => {
        const stat = statOf(pid);
        return stat ? [/** @type {[number, string[]]} */ ([pid, stat])] : [];
      }),
  );
  /** @type {Map<number, string[]>} */
  const found = new Map();
  /** @param {number} parent */
  const add = (parent) => {
    for (const [pid, stat] of stats) {
      if (Number(stat[PARENT]) !== parent || found.has(pid)) continue;
      found.set(pid, stat);
      add(pid);
    }
  };
  add(process.pid);
  return found;
}

/** CPU seconds, user and system, of everything this process ever started; to 10 ms, without its own. */
export function cpuSecondsOfAll() {
  const own = sum(statOf(process.pid) ?? [], CHILDRENS_TIMES);
  return [...descendants().values()].reduce((seconds, stat) => seconds + sum(stat, TIMES), own);
}

/** CPU seconds of one process, without its children. @param {number} pid */
export function cpuSecondsOf(pid) {
  return sum(statOf(pid) ?? [], [11, 12]);
}

/** Resident memory of everything this process started, in bytes; a page that two share counts twice. */
export function residentBytesOfAll() {
  return [...descendants().keys()].reduce((bytes, pid) => bytes + residentBytes(pid), 0);
}

/** @param {number} pid */
function residentBytes(pid) {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES;
  } catch {
    return 0;
  }
}

/**
 * @param {string[]} stat
 * @param {number[]} fields
 */
function sum(stat, fields) {
  return fields.reduce((ticks, field) => ticks + Number(stat[field] ?? 0), 0) / CLOCK_TICKS_PER_SECOND;
}
