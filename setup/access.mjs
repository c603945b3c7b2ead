import { SetupError } from './setupError.mjs';

/**
 * What set-up may do in the clone's folder. `look`: only check whether there is work. `work`: make changes,
 * holding the lock. `read`: only read, since the folder cannot be written (a read-only mount, another user's
 * folder); `why` is the error from taking the lock.
 *
 * @typedef {{ kind: 'look' } | { kind: 'work' } | { kind: 'read', why: Error }} Access
 */

/** Thrown if there is work and changes are not allowed yet. */
export class NeedsWork extends Error {
  /** @override */
  name = 'NeedsWork';
}

/**
 * Throws unless changes are allowed. Must be called before anything is changed.
 *
 * @param {import('./setUp.mjs').Setting} setting
 * @param {string} what what is missing, as the subject of a sentence
 */
export function requireWork({ access, root }, what) {
  if (access.kind === 'work') return;
  if (access.kind === 'look') throw new NeedsWork(what);
  throw new SetupError(
    `${what} must be set up here first, but ${root} cannot be written by this user (${access.why.message}). Run "npm start" there once as its owner, on a writable mount, then run the same command again.`,
  );
}

/**
 * Whether an error means that a folder is permanently not writable. The rest of the start may still work.
 *
 * @param {unknown} error
 * @returns {error is Error}
 */
export function isReadOnly(error) {
  return (
    error instanceof Error && 'code' in error && ['EACCES', 'EPERM', 'EROFS'].includes(String(error.code))
  );
}
