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
 * @returns {import('node:fs').Stats | null} null when nothing is there, also if a parent is a file
 */
export function statOf(path) {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}

/**
 * Returns a mark that shows whether a file or folder was changed, without reading it.
 *
 * @param {string} path
 * @returns {[number, number] | null} modification time (ms) and bytes; null when it is not there
 */
export function markOf(path) {
  const stat = statOf(path);
  return stat ? [stat.mtimeMs, stat.isDirectory() ? 0 : stat.size] : null;
}

/**
 * Reads a folder's stamp. It is inside the folder, so that deleting the folder deletes it too.
 *
 * @param {string} folder
 * @returns {string | null}
 */
export function readStamp(folder) {
  return readText(join(folder, stampName));
}

/**
 * Removes a folder's stamp. Must be called before the folder is changed: an interrupted change then leaves no
 * stamp.
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
 * Writes a file atomically: it has either the old or the new content, never half of it.
 *
 * @param {string} path
 * @param {string} text
 */
export function writeWhole(path, text) {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text);
  renameSync(draft, path);
}
