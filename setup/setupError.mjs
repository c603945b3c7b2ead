/** A failure that the user can fix: `message` says in one or two plain sentences what is wrong and what to do. */
export class SetupError extends Error {
  /** @override */
  name = 'SetupError';
}

/** Thrown when set-up is interrupted by `signal`. */
export class Interrupted extends Error {
  /** @override */
  name = 'Interrupted';

  /** @param {NodeJS.Signals} signal */
  constructor(signal) {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }
}

const diskIsFull = /ENOSPC|EDQUOT|no space left on device|disk quota exceeded|not enough (free )?space/i;

/**
 * Returns the message for a full disk if `text` (a tool's output or an error's message) reports one.
 *
 * @param {string} text
 * @returns {string | null}
 */
export function diskProblem(text) {
  if (!diskIsFull.test(text)) return null;
  return 'The disk is full: set-up needs about 4 GB in this folder and in the temporary folder. Free some space and run the same command again.';
}

/**
 * Converts a file system error to a `SetupError` with a clear message; returns anything else unchanged.
 *
 * @param {unknown} error
 * @returns {unknown}
 */
export function explainFileError(error) {
  if (!(error instanceof Error) || error instanceof SetupError || !('code' in error)) return error;
  const full = diskProblem(String(error.code));
  if (full) return new SetupError(full, { cause: error });
  if (error.code === 'EACCES' || error.code === 'EPERM' || error.code === 'EROFS') {
    return new SetupError(
      `This folder cannot be written (${error.message}). Make it yours, or clone the project into a folder that you can write to, and run the same command again.`,
      { cause: error },
    );
  }
  return error;
}

/** Returns the end of a program's output, short enough for a message. @param {string} text */
export const shortened = (text) => (text.length > 500 ? `…${text.slice(-500)}` : text);
