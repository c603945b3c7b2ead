import { isDeepStrictEqual } from 'node:util';
import { AppError } from '../errors.ts';
import type { Task } from '../tasks/task.ts';

/** What two submissions must share to be the same: the file's bytes, the model and the options. */
export interface RequestedWork {
  sha256: string;
  modelType: string;
  options: Task['options'];
}

/**
 * Compares a submission with the earlier task of its idempotency key. The file name does not count.
 *
 * @returns the task
 * @throws {AppError} IDEMPOTENCY_KEY_REUSED when they differ
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
    'This Idempotency-Key was already used with a different file or different parameters. Use a new key for each new submission.',
  );
}
