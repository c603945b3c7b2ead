/**
 * Identifies an attempt: attempts are counted from 1 in each step of a task. It is the fence: what another attempt
 * than the current one says or writes changes nothing.
 */
export interface AttemptId {
  taskId: string;
  /** Position of the step in the task's plan, from 0. */
  step: number;
  attempt: number;
}

/** The same string for the same attempt, and for no other. */
export const attemptKey = ({ taskId, step, attempt }: AttemptId): string =>
  `${taskId} ${String(step)} ${String(attempt)}`;

/** Whether both are the same attempt of the same step. */
export const isSameAttempt = (one: AttemptId, other: AttemptId): boolean =>
  attemptKey(one) === attemptKey(other);

/** Whether `one` began after `other`, an attempt of the same task. */
export const isLaterAttempt = (one: AttemptId, other: AttemptId): boolean =>
  one.step > other.step || (one.step === other.step && one.attempt > other.attempt);
