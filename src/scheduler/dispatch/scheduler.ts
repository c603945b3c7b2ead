import { setTimeout as sleep } from 'node:timers/promises';
import type { TaskQueue } from '../../queue/taskQueue.ts';
import type { ModelResidency } from '../../workers/inference/modelResidency.ts';
import type { WorkerPool } from '../../workers/inference/workerPool.ts';
import type { AttemptParts } from '../attempt/attempt.ts';
import { createAttemptLeases } from './attemptLeases.ts';
import { beginClaimed, type ClaimedTaskParts } from './claimedTask.ts';
import { claimNext, type ClaimingParts } from './claiming.ts';
import { createSettlement, type SettlementParts } from '../attempt/settlement.ts';

/** Matches idle workers to pending tasks, in the order the tasks came. */
export interface Scheduler {
  start(): void;
  /** A hint that a task or a worker has become available. The scheduler also polls. */
  wake(): void;
  /** Starts nothing more; gives running tasks this long to finish, then requeues them. */
  stop(graceMs: number): Promise<void>;
}

/** Dependencies of the scheduler. */
export type SchedulerParts = AttemptParts &
  Pick<ClaimingParts & ClaimedTaskParts, 'memory' | 'devices' | 'running'> &
  Pick<SettlementParts, 'maxAttempts' | 'onModelUnavailable'> & {
    queue: TaskQueue;
    pool: Pick<WorkerPool, 'ready' | 'lease' | 'replaceWorn' | 'stop'>;
    /** Maintains the models of idle workers while no task can start. */
    residency: ModelResidency;
  };

/** The most that a lost wake-up costs. */
const POLL_MS = 1_000;

/** Creates the scheduler, the only place where attempts are started. */
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

  /** Starts every task that can start, then looks after what waits; repeats while it was woken meanwhile. */
  const look = async (): Promise<void> => {
    isWanted = true;
    if (isLooking) return;
    isLooking = true;
    try {
      while (isWanted && !stopping) {
        isWanted = false;
        pool.replaceWorn();
        while (canStart() && (await startNext()));
        if (!canStart()) parts.staging.lookAhead();
        // A worker that waits for a mixture loads nothing else meanwhile.
        else if (!parts.staging.isBusy()) parts.residency.maintain();
      }
    } catch (error) {
      // The database failed; the poll retries.
      log.error({ err: error }, 'the queue could not be read');
    } finally {
      isLooking = false;
    }
  };

  const canStart = () => !stopping && pool.ready().some(({ isIdle }) => isIdle);

  /** @returns whether a task was started */
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
      parts.staging.stop();
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
