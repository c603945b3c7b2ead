import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../log/log.ts';
import type { Workspace } from '../../blobs/workspace.ts';
import type { AttemptResult, TaskQueue } from '../../queue/taskQueue.ts';
import type { StageClock } from '../../tasks/stageClock.ts';
import { tellSafely } from '../../log/tellSafely.ts';
import { isSameAttempt, type AttemptId } from '../../tasks/attemptId.ts';
import type { Task } from '../../tasks/task.ts';
import { ChildFailure } from '../../workers/process/childErrors.ts';
import { decideRetry, type RetryDecision } from './retryDecision.ts';
import type { Staging } from './staging.ts';

/** The outcome of an attempt. */
export type Outcome = { result: AttemptResult } | { error: unknown };

/** Dependencies of the settlement. */
export interface SettlementParts {
  queue: Pick<TaskQueue, 'finish' | 'requeue' | 'statusOf'>;
  workspace: Pick<Workspace, 'removeScratch' | 'removeStems'>;
  staging: Pick<Staging, 'release'>;
  maxAttempts: number;
  retryDelayMs: number;
  /** A worker could not load this model; `reason` is a sentence for clients. */
  onModelUnavailable: (modelType: string, reason: string) => void;
  now(): number;
  log: Log;
}

/** Stores the outcomes of attempts. */
export interface Settlement {
  /**
   * Stores the outcome, retrying for as long as the database refuses, and removes files no client will be given.
   * Never throws.
   */
  settle(task: Task, outcome: Outcome, how: { stages: StageClock; cancelled: boolean }): Promise<void>;
  /** The server is stopping: running tasks are requeued, and what cannot be written is left to the next start. */
  stop(): void;
}

const PERSIST_RETRY_MS = 1_000;

/** Builds it. */
export function createSettlement(parts: SettlementParts): Settlement {
  const { queue, workspace, log } = parts;
  let stopping = false;

  const decide = (error: unknown, task: Task, cancelled: boolean) =>
    decideRetry(error, task, {
      stopping,
      cancelled,
      maxAttempts: parts.maxAttempts,
      retryDelayMs: parts.retryDelayMs,
    });

  const settleFailure = async (
    task: Task,
    error: unknown,
    how: { stages: StageClock; cancelled: boolean },
  ) => {
    const decision = decide(error, task, how.cancelled);
    tellSafely(log, () => {
      const traceback = error instanceof ChildFailure ? error.traceback : null;
      const facts = { taskId: task.taskId, attempt: task.attempt, err: error, traceback, decision };
      // Ended by a cancel or a shutdown: not an error.
      const isFault = decision.next === 'fail' || (decision.next === 'requeue' && decision.countsAsFailure);
      const level = isFault ? 'error' : 'info';
      log[level]({ ...facts, ...how.stages.read() }, 'an attempt failed');
    });
    tellSafely(log, () => {
      if (error instanceof ChildFailure && error.kind === 'MODEL_UNAVAILABLE')
        parts.onModelUnavailable(task.modelType, error.message);
    });
    if (decision.next === 'fail') await finish(task, failureOf(task, decision));
    if (decision.next === 'requeue') await requeue(task, decision);
  };

  const failureOf = (task: Task, decision: Extract<RetryDecision, { next: 'fail' }>): AttemptResult => {
    const now = parts.now();
    const processingSeconds = Math.max(0, now - (task.startedAt ?? now)) / 1000;
    return {
      status: 'failed',
      failure: decision.failure,
      countsAsFailure: decision.countsAsFailure,
      processingSeconds,
    };
  };

  /** @returns false when the attempt is no longer the task's current one, or the outcome could not be written */
  const finish = (attempt: AttemptId, result: AttemptResult): Promise<boolean> =>
    persist(() => queue.finish(attempt, result));

  const requeue = async (
    task: Task,
    decision: Extract<RetryDecision, { next: 'requeue' }>,
  ): Promise<void> => {
    const { outcome, countsAsFailure, delayMs = 0 } = decision;
    const notBefore = delayMs > 0 ? parts.now() + delayMs : null;
    await persist(() => queue.requeue(task, { outcome, countsAsFailure, notBefore }));
  };

  const persist = async (write: () => Promise<boolean>): Promise<boolean> => {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        tellSafely(log, () => {
          log.error({ err: error }, 'the outcome of an attempt could not be stored; retrying');
        });
        // The next start finds the task in `processing` and runs it again.
        if (stopping) return false;
        await sleep(PERSIST_RETRY_MS);
      }
    }
  };

  /** Removes the attempt's files, unless its task completed with them. */
  const discard = async (task: Task): Promise<void> => {
    const { taskId } = task;
    await removing(taskId, async () => {
      const current = await queue.statusOf(taskId);
      // For example, when a commit succeeded but reported an error.
      if (current?.status === 'completed' && isSameAttempt({ ...current, taskId }, task)) return;
      await workspace.removeStems(task);
    });
  };

  /** Files that cannot be removed now are removed by the recovery at the next start. */
  const removing = async (taskId: string, remove: () => Promise<void>): Promise<void> => {
    await remove().catch((error: unknown) => {
      tellSafely(log, () => {
        log.warn({ taskId, err: error }, 'files of an attempt could not be removed');
      });
    });
  };

  return {
    async settle(task, outcome, how) {
      await removing(task.taskId, () => workspace.removeScratch(task));
      await removing(task.taskId, () => parts.staging.release(task.taskId));
      if ('result' in outcome && outcome.result.status === 'completed') {
        if (!(await finish(task, outcome.result))) await discard(task);
        return;
      }
      // Before the write: a client that sees the end must not find leftovers.
      await discard(task);
      if ('result' in outcome) await finish(task, outcome.result);
      else await settleFailure(task, outcome.error, how);
    },
    stop() {
      stopping = true;
    },
  };
}
