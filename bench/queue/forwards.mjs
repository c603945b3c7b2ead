import { readFile } from 'node:fs/promises';

/**
 * A forward call of the network, in ms by the clock that never jumps.
 *
 * @typedef {{ began: number, ended: number }} Forward
 */

/**
 * Reads what `forward_notes` wrote of calls that began at or after a moment.
 *
 * @param {string} notes
 * @param {number} from ms
 * @returns {Promise<Forward[]>} in order
 */
export async function readForwards(notes, from) {
  const text = await readFile(notes, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' ').map((ns) => Number(ns) / 1e6))
    .map(([began = NaN, ended = NaN]) => ({ began, ended }))
    .filter(({ began }) => began >= from)
    .toSorted((a, b) => a.began - b.began);
}

/** How long the network worked in all, in seconds. @param {Forward[]} forwards */
export function secondsIn(forwards) {
  return forwards.reduce((sum, { began, ended }) => sum + (ended - began), 0) / 1000;
}

/**
 * How long the network had nothing to do between the last call of one song and the first of the next.
 *
 * @param {Forward[]} forwards of the songs, one after the other
 * @param {number[]} callsOfSongs how many each song takes, where all is cut as MSST cuts it
 * @returns {number[] | null} ms; null when it cannot be told where one song ends
 */
export function gapsBetweenSongs(forwards, callsOfSongs) {
  const calls = callsHere(forwards.length, callsOfSongs);
  if (calls === null) return null;
  let at = 0;
  return calls.slice(0, -1).map((count) => {
    at += count;
    return (forwards[at]?.began ?? NaN) - (forwards[at - 1]?.ended ?? NaN);
  });
}

/**
 * @param {number} total
 * @param {number[]} callsOfSongs
 */
function callsHere(total, callsOfSongs) {
  if (callsOfSongs.reduce((sum, calls) => sum + calls, 0) === total) return callsOfSongs;
  // Cut otherwise, but songs of one length have a like number of calls whoever cuts them.
  const each = total / callsOfSongs.length;
  const isAlike = callsOfSongs.every((calls) => calls === callsOfSongs[0]);
  return isAlike && Number.isInteger(each) && each > 0 ? callsOfSongs.map(() => each) : null;
}
