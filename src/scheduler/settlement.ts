import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log.ts';
import type { FileStore } from '../store/fileStore.ts';
import { layout } from '../store/layout.ts';
import type { AttemptResult, TaskStore } from '../store/taskStore.ts';
import type { StageClock } from '../tasks/stageClock.ts';
import { tellSafely } from '../tellSafely.ts';
import type { Task } from '../tasks/task.ts';
import { ChildFailure } from '../worker/childErrors.ts';
import { decideRetry, type RetryDecision } from './retryDecision.ts';

/** What came of running an attempt. */
export type Outcome = { result: AttemptResult } | { error: unknown };

/** What settling takes. */
export interface SettlementParts {
  store: Pick<TaskStore, 'finish' | 'requeue' | 'statusOf'>;
  files: Pick<FileStore, 'remove' | 'removeEmptyFolder'>;
  maxAttempts: number;
  retryDelayMs: number;
  /** A worker could not load this model: `reason` says why, fit for a client. */
  onModelUnavailable: (modelType: string, reason: string) => void;
  now(): number;
  log: Log;
}

/** Brings the ends of attempts into the store. */
export interface Settlement {
  /**
   * Writes how an attempt ended, however long the database refuses, and removes what of it nobody will be given.
   * Whoever is told of it can change nothing of that: what they throw is logged. Never throws.
   */
  settle(task: Task, outcome: Outcome, how: { stages: StageClock; cancelled: boolean }): Promise<void>;
  /** The server stops: what runs goes back into the queue, and what cannot be written is left to the next start. */
  stop(): void;
}

const PERSIST_RETRY_MS = 1_000;

/** Builds it. */
export function createSettlement(parts: SettlementParts): Settlement {
  const { store, files, log } = parts;
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
      // It is no fault where a cancel or a stop of the server ended it.
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

  /** @returns false when the attempt is not the task's current one any more, or the end could not be written */
  const finish = ({ taskId, attempt }: Task, result: AttemptResult): Promise<boolean> =>
    persist(() => store.finish(taskId, attempt, result));

  const requeue = async (
    task: Task,
    decision: Extract<RetryDecision, { next: 'requeue' }>,
  ): Promise<void> => {
    const { outcome, countsAsFailure, delayMs = 0 } = decision;
    const notBefore = delayMs > 0 ? parts.now() + delayMs : null;
    await persist(() => store.requeue(task.taskId, task.attempt, { outcome, countsAsFailure, notBefore }));
  };

  const persist = async (write: () => Promise<boolean>): Promise<boolean> => {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        tellSafely(log, () => {
          log.error({ err: error }, 'the end of an attempt could not be written');
        });
        // The next start finds the task in `processing` and runs it again.
        if (stopping) return false;
        await sleep(PERSIST_RETRY_MS);
      }
    }
  };

  /** What an attempt wrote, unless it is what its task completed with. The task's other attempts are not its own. */
  const discard = async (task: Task): Promise<void> => {
    const { taskId, attempt } = task;
    await removing(taskId, async () => {
      const current = await store.statusOf(taskId);
      // A write that was taken and told as refused, for one.
      if (current?.status === 'completed' && current.attempt === attempt) return;
      await files.remove(layout.attempt(taskId, attempt));
      await files.removeEmptyFolder(layout.task(taskId));
    });
  };

  /** What cannot be removed now, the sweep at the next start removes. */
  const removing = async (taskId: string, remove: () => Promise<void>): Promise<void> => {
    await remove().catch((error: unknown) => {
      tellSafely(log, () => {
        log.warn({ taskId, err: error }, 'files of an attempt could not be removed');
      });
    });
  };

  return {
    async settle(task, outcome, how) {
      await removing(task.taskId, () => files.remove(layout.attemptScratch(task.taskId, task.attempt)));
      if ('result' in outcome && outcome.result.status === 'completed') {
        if (!(await finish(task, outcome.result))) await discard(task);
        return;
      }
      // First: what is settled has nothing left to remove, and a client that sees the end finds it so.
      await discard(task);
      if ('result' in outcome) await finish(task, outcome.result);
      else await settleFailure(task, outcome.error, how);
    },
    stop() {
      stopping = true;
    },
  };
}
