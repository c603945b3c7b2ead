import { setTimeout as sleep } from 'node:timers/promises';
import type { TaskStore } from '../store/taskStore.ts';
import type { ModelResidency } from '../worker/modelResidency.ts';
import type { WorkerPool } from '../worker/workerPool.ts';
import type { AttemptParts } from './attempt.ts';
import { createAttemptLeases } from './attemptLeases.ts';
import { beginClaimed, type ClaimedTaskParts } from './claimedTask.ts';
import { claimNext, type ClaimingParts } from './claiming.ts';
import { createSettlement, type SettlementParts } from './settlement.ts';

/** Matches idle workers to pending tasks, in the order the tasks came. */
export interface Scheduler {
  start(): void;
  /** Something may have become possible: a task came, a worker is free. A hint; it also looks by itself. */
  wake(): void;
  /** Starts nothing more; lets what runs go on for so long, then gives it back to the queue. */
  stop(graceMs: number): Promise<void>;
}

/** What scheduling takes. */
export type SchedulerParts = AttemptParts &
  Pick<ClaimingParts & ClaimedTaskParts, 'memory' | 'devices' | 'running'> &
  Pick<SettlementParts, 'maxAttempts' | 'onModelUnavailable'> & {
    store: TaskStore;
    pool: Pick<WorkerPool, 'ready' | 'lease' | 'replaceWorn' | 'stop'>;
    /** Looks after the models of idle workers while no task can start. */
    residency: ModelResidency;
  };

/** A wake-up that was lost costs this much and no more. */
const POLL_MS = 1_000;

/** Builds the scheduler; nothing else starts an attempt. */
export function createScheduler(parts: SchedulerParts): Scheduler {
  const { pool, running, log, clock } = parts;
  const settlement = createSettlement({
    ...parts,
    retryDelayMs: parts.timeouts.retryDelayMs,
    now: () => clock.now(),
  });
  const leases = createAttemptLeases(parts);
  const claimed = { ...parts, settlement, leases };
  let stopping = false;
  let isLooking = false;
  let isWanted = false;
  let poll: NodeJS.Timeout | undefined;

  /** Starts what can start, then looks after idle workers; again, as long as somebody wakes it meanwhile. */
  const look = async (): Promise<void> => {
    isWanted = true;
    if (isLooking) return;
    isLooking = true;
    try {
      while (isWanted && !stopping) {
        isWanted = false;
        pool.replaceWorn();
        while (canStart() && (await startNext()));
        if (canStart()) parts.residency.maintain();
      }
    } catch (error) {
      // The database did not answer; the poll tries again.
      log.error({ err: error }, 'the queue could not be read');
    } finally {
      isLooking = false;
    }
  };

  const canStart = () => !stopping && pool.ready().some(({ isIdle }) => isIdle);

  /** @returns whether there was a task, and a worker for it */
  const startNext = async (): Promise<boolean> => {
    const next = await claimNext({ ...parts, isStopping: () => stopping });
    if (next) beginClaimed(claimed, next);
    return next !== undefined;
  };

  return {
    start() {
      poll = setInterval(() => void look(), POLL_MS);
      leases.start();
      void look();
    },
    wake() {
      parts.preparation.look();
      void look();
    },
    async stop(graceMs) {
      stopping = true;
      clearInterval(poll);
      const grace = new AbortController();
      const graceIsOver = sleep(graceMs, undefined, { signal: grace.signal }).catch(() => undefined);
      await Promise.race([running.settled(), graceIsOver]);
      grace.abort();
      settlement.stop();
      running.abortAll();
      await pool.stop();
      await running.settled();
      leases.stop();
    },
  };
}
