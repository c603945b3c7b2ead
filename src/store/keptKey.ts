import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Log } from '../log.ts';

const KEY_BYTES = 32;

/**
 * A random key that stays the same over restarts: read from the file, or made and kept there for the owner alone.
 *
 * @returns 32 bytes; where the file cannot be had, good for this life of the server
 */
export function keptKey(file: string, log: Pick<Log, 'warn'>): Buffer {
  try {
    const kept = readFileSync(file);
    if (kept.byteLength === KEY_BYTES) return kept;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      log.warn({ err: error, file }, 'a key could not be read');
  }
  const key = randomBytes(KEY_BYTES);
  try {
    writeFileSync(file, key, { mode: 0o600 });
  } catch (error) {
    // A full disk must not keep a server from starting.
    log.warn({ err: error, file }, 'a key could not be kept: what was made with it ends with this server');
  }
  return key;
}
