import { isDeepStrictEqual } from 'node:util';
import { AppError } from '../errors.ts';
import type { Task } from './task.ts';

/** What makes two submissions the same: the bytes of the file and everything that is to be done with it. */
export interface RequestedWork {
  sha256: string;
  modelType: string;
  options: Task['options'];
}

/**
 * Holds a submission against the task that came with its idempotency key before. The file's name does not count.
 *
 * @returns the task
 * @throws {AppError} IDEMPOTENCY_KEY_REUSED when the two do not ask for the same
 */
export function requireSameRequest(earlier: Task, again: RequestedWork): Task {
  if (
    earlier.mixture.sha256 === again.sha256 &&
    earlier.modelType === again.modelType &&
    isDeepStrictEqual(earlier.options, again.options)
  ) {
    return earlier;
  }
  throw new AppError(
    'IDEMPOTENCY_KEY_REUSED',
    'This Idempotency-Key came before, with another file or other parameters. Send a key of its own with each new submission.',
  );
}
