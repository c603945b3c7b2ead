/** A failure that a person can mend: `message` is one or two plain sentences, what is wrong and what to do. */
export class SetupError extends Error {
  /** @override */
  name = 'SetupError';
}

/** Set-up was told to stop; `signal` says by what. */
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
 * The sentence for a full disk, if that is what `text` (a tool's output or an error's message) tells of.
 *
 * @param {string} text
 * @returns {string | null}
 */
export function diskProblem(text) {
  if (!diskIsFull.test(text)) return null;
  return 'The disk is full: set-up needs about 4 GB in this folder and in the temporary folder. Free some space and run the same command again.';
}

/**
 * Turns an error of the file system into a sentence; anything else is given back as it is.
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
      `This folder cannot be written (${error.message}). Make it yours, or clone the project where you may write, and run the same command again.`,
      { cause: error },
    );
  }
  return error;
}

/** Of what a program said last, as much as a sentence bears. @param {string} text */
export const shortened = (text) => (text.length > 500 ? `…${text.slice(-500)}` : text);
