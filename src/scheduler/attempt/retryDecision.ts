import { isFullDisk } from '../../disk/fullDisk.ts';
import type { AttemptOutcome } from '../../queue/taskQueue.ts';
import { LONGEST_RETRY_DELAY_MS } from '../../queue/taskQueue.ts';
import type { Task, TaskFailure, TaskFailureCode } from '../../tasks/task.ts';
import { ChildDied, ChildFailure, KilledForMemory, WorkerHung } from '../../workers/process/childErrors.ts';
import { BROKEN_DEVICE_EXIT_CODE, type FailureKind } from '../../contract/protocol.ts';
import type { Hang } from '../../workers/health/watchdog.ts';

/** What happens to a task whose attempt failed. */
export type RetryDecision =
  | { next: 'fail'; failure: TaskFailure; countsAsFailure: boolean }
  | { next: 'requeue'; outcome: AttemptOutcome; countsAsFailure: boolean; delayMs?: number }
  /** It was cancelled or deleted; its status already says so. */
  | { next: 'nothing' };

/** A task that takes down this many workers (crashed or killed for hanging) is considered the cause. */
const MAX_WORKER_DEATHS = 2;

/**
 * Decides after a failed attempt: an exception in MSST fails the task; a dead worker requeues it once; a hang uses up
 * one of its attempts; a server shutdown requeues it for free.
 */
export function decideRetry(
  error: unknown,
  task: Task,
  context: { stopping: boolean; cancelled: boolean; maxAttempts: number; retryDelayMs: number },
): RetryDecision {
  // Checked first, because a shutdown aborts attempts the way a cancel does. A task that really was cancelled is no
  // longer `processing`, so the requeue changes nothing.
  if (context.stopping) return { next: 'requeue', outcome: 'server_stopped', countsAsFailure: false };
  if (context.cancelled) return { next: 'nothing' };
  if (error instanceof ChildDied || error instanceof KilledForMemory) {
    const deaths = task.failures + 1;
    if (deaths < Math.min(MAX_WORKER_DEATHS, context.maxAttempts)) {
      const isDevice = error instanceof ChildDied && error.exit.exitCode === BROKEN_DEVICE_EXIT_CODE;
      return { next: 'requeue', outcome: isDevice ? 'device_failed' : 'worker_died', countsAsFailure: true };
    }
    return { next: 'fail', failure: failureOf(error, deaths), countsAsFailure: true };
  }
  if (error instanceof WorkerHung) {
    const hangs = task.failures + 1;
    if (hangs < context.maxAttempts) {
      // Gives a hanging GPU or disk a moment to recover. Not needed after a death: a new worker has to start first.
      const delayMs = Math.min(context.retryDelayMs * 2 ** task.failures, LONGEST_RETRY_DELAY_MS);
      return { next: 'requeue', outcome: 'hung', countsAsFailure: true, delayMs };
    }
    const message = `${SENTENCE_OF[error.hang]} That was attempt ${String(hangs)} of ${String(context.maxAttempts)}; to try again, submit it anew.`;
    return { next: 'fail', failure: { code: 'TIMEOUT', message }, countsAsFailure: true };
  }
  if (error instanceof ChildFailure) {
    return {
      next: 'fail',
      failure: { code: CODE_OF[error.kind], message: error.message },
      countsAsFailure: true,
    };
  }
  if (isFullDisk(error)) {
    return {
      next: 'fail',
      failure: { code: 'INSUFFICIENT_STORAGE', message: FULL_DISK },
      countsAsFailure: true,
    };
  }
  return {
    next: 'fail',
    failure: { code: 'SEPARATION_FAILED', message: 'The server could not run this task; its log says why.' },
    countsAsFailure: true,
  };
}

function failureOf(death: ChildDied | KilledForMemory, deaths: number): TaskFailure {
  const times = deaths === 1 ? '' : ` ${String(deaths)} times`;
  if (death instanceof ChildDied) {
    return {
      code: 'WORKER_CRASHED',
      message: `The worker process ended${times} while it worked on this task.`,
    };
  }
  return {
    code: 'OUT_OF_MEMORY',
    message: `The server's memory was full while it worked on this task, and its worker was ended${times}. Try a shorter mixture, or again when the server has more memory.`,
  };
}

const FULL_DISK =
  'The disk of the server is full, so this task could not be completed. Submit it again later.';

const CODE_OF: Record<FailureKind, TaskFailureCode> = {
  UNSUPPORTED_FORMAT: 'INVALID_AUDIO',
  INVALID_AUDIO: 'INVALID_AUDIO',
  NEEDS_STAGING: 'INVALID_AUDIO',
  OUT_OF_MEMORY: 'OUT_OF_MEMORY',
  INSUFFICIENT_STORAGE: 'INSUFFICIENT_STORAGE',
  MODEL_UNAVAILABLE: 'SEPARATION_FAILED',
  SEPARATION_FAILED: 'SEPARATION_FAILED',
  CANCELLED: 'SEPARATION_FAILED',
  INTERNAL: 'SEPARATION_FAILED',
};

const SENTENCE_OF: Record<Hang, string> = {
  silent: 'The worker stopped answering while it worked on this task, and was ended.',
  stalled: 'The worker stopped computing in the middle of this task, and was ended.',
  overdue: 'This task took many times longer than it should, and was ended.',
};
