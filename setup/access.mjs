import { SetupError } from './setupError.mjs';

/**
 * What set-up may do in the clone's folder: `look` whether there is work, do the `work` under the lock, or, where
 * nothing can be written (a read-only mount, another's folder), only `read`; `why` is what the lock failed of.
 *
 * @typedef {{ kind: 'look' } | { kind: 'work' } | { kind: 'read', why: Error }} Access
 */

/** There is work, and it has not been allowed yet. */
export class NeedsWork extends Error {
  /** @override */
  name = 'NeedsWork';
}

/**
 * To be called before anything is changed.
 *
 * @param {import('./setUp.mjs').Setting} setting
 * @param {string} what is missing, as the subject of a sentence
 */
export function requireWork({ access, root }, what) {
  if (access.kind === 'work') return;
  if (access.kind === 'look') throw new NeedsWork(what);
  throw new SetupError(
    `${what} must be prepared here first, and ${root} cannot be written by this user (${access.why.message}). Run "npm start" there once as the user it belongs to, on a mount that can be written, and then the same command again.`,
  );
}

/**
 * Whether a folder cannot be written for a reason that does not go away by itself; all the rest of a start may work.
 *
 * @param {unknown} error
 * @returns {error is Error}
 */
export function isReadOnly(error) {
  return (
    error instanceof Error && 'code' in error && ['EACCES', 'EPERM', 'EROFS'].includes(String(error.code))
  );
}
