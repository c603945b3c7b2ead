import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Log } from '../log/log.ts';

const KEY_BYTES = 32;

/**
 * Returns a random key that survives restarts: read from the file, or generated and saved there, readable by its
 * owner only.
 *
 * @returns 32 bytes; if the file cannot be read or written, the key is valid only until the server stops
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
    // A full disk must not prevent the server from starting.
    log.warn(
      { err: error, file },
      'a key could not be saved: what was made with it becomes invalid when this server stops',
    );
  }
  return key;
}
