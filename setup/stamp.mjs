import { createHash } from 'node:crypto';
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const stampName = '.msst-serve-stamp';

/**
 * @param {...unknown} parts anything JSON can hold
 * @returns {string} 32 hex digits that change with any part
 */
export function hashOf(...parts) {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

/**
 * @param {string} path
 * @returns {string | null} the text, or null when there is no such file
 */
export function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/**
 * @param {string} path
 * @returns {import('node:fs').Stats | null} null when nothing is there, also below what is a file
 */
export function statOf(path) {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}

/**
 * What tells whether a file or folder was changed, without reading it.
 *
 * @param {string} path
 * @returns {[number, number] | null} modification time (ms) and bytes; null when it is not there
 */
export function markOf(path) {
  const stat = statOf(path);
  return stat ? [stat.mtimeMs, stat.isDirectory() ? 0 : stat.size] : null;
}

/**
 * The stamp lies inside the folder it vouches for, so that deleting the folder deletes it too.
 *
 * @param {string} folder
 * @returns {string | null}
 */
export function readStamp(folder) {
  return readText(join(folder, stampName));
}

/**
 * Must be called before the folder is touched: a half-done change then vouches for nothing.
 *
 * @param {string} folder
 */
export function removeStamp(folder) {
  rmSync(join(folder, stampName), { force: true });
}

/**
 * @param {string} folder
 * @param {string} stamp
 */
export function writeStamp(folder, stamp) {
  if (readStamp(folder) !== stamp) writeWhole(join(folder, stampName), stamp);
}

/**
 * Writes a file that is either the old one or the new one, never half of it.
 *
 * @param {string} path
 * @param {string} text
 */
export function writeWhole(path, text) {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text);
  renameSync(draft, path);
}
