import { setTimeout as sleep } from 'node:timers/promises';
import type { TaskStore } from '../store/taskStore.ts';
import type { RunningAttempts } from '../tasks/runningAttempts.ts';
import { StageClock } from '../tasks/stageClock.ts';
import type { Task } from '../tasks/task.ts';
import { ChildFailure, KilledForMemory } from '../worker/childErrors.ts';
import type { InferenceWorker } from '../worker/inferenceWorker.ts';
import type { Lease, WorkerPool } from '../worker/workerPool.ts';
import { runAttempt, type AttemptParts } from './attempt.ts';
import type { DeviceAdmission } from './deviceAdmission.ts';
import type { MemoryAdmission } from './memoryAdmission.ts';
import { createSettlement, type Outcome, type SettlementParts } from './settlement.ts';
import { chooseWorker } from './workerChoice.ts';

/** Matches idle workers to pending tasks, in the order the tasks came. */
export interface Scheduler {
  start(): void;
  /** Something may have become possible: a task came, a worker is free. A hint; it also looks by itself. */
  wake(): void;
  /** Starts nothing more; lets what runs go on for so long, then gives it back to the queue. */
  stop(graceMs: number): Promise<void>;
}

/** A wake-up that was lost costs this much and no more. */
const POLL_MS = 1_000;

/** Builds the scheduler; nothing else starts an attempt. */
export function createScheduler(
  parts: AttemptParts &
    Pick<SettlementParts, 'maxAttempts' | 'onModelUnavailable'> & {
      store: TaskStore;
      pool: Pick<WorkerPool, 'ready' | 'lease' | 'stop'>;
      running: RunningAttempts;
      memory: MemoryAdmission;
      devices: DeviceAdmission;
      /** A worker is idle, and no task can start now. */
      onNothingToStart: () => void;
    },
): Scheduler {
  const { store, pool, running, log } = parts;
  const settlement = createSettlement({
    ...parts,
    retryDelayMs: parts.patience.retryDelayMs,
    now: () => parts.clock.now(),
  });
  let stopping = false;
  let dispatching = false;
  let wanted = false;
  let poll: NodeJS.Timeout | undefined;

  const dispatch = async (): Promise<void> => {
    wanted = true;
    if (dispatching) return;
    dispatching = true;
    try {
      while (wanted && !stopping) {
        wanted = false;
        while (await startNext());
      }
    } catch (error) {
      // The database did not answer; the poll tries again.
      log.error({ err: error }, 'the queue could not be read');
    } finally {
      dispatching = false;
    }
  };

  const canStart = () => !stopping && pool.ready().some(({ isIdle }) => isIdle);

  /** Starts the oldest startable task on the idle worker that suits it best. @returns whether there was both. */
  const startNext = async (): Promise<boolean> => {
    if (!canStart()) return false;
    const turn = parts.memory.look();
    const chosen: { lease?: Lease } = {};
    const task = await store
      .claimNext((candidate, lastFailure) => {
        let suited: InferenceWorker | undefined;
        const itsTurn = turn(candidate, () => {
          suited = chooseWorker(
            pool.ready(),
            {
              modelType: candidate.modelType,
              lastFailure,
              hasRoom: (worker) => parts.devices.hasRoom(candidate, worker),
            },
            (worker) => parts.devices.takes(worker),
          );
          return suited !== undefined;
        });
        if (itsTurn !== 'start') return itsTurn;
        // Within the transaction, so that the claim and the choice are one.
        const lease = pool.lease(suited);
        if (!lease) return 'wait';
        chosen.lease = lease;
        return { id: lease.worker.id, device: lease.device };
      })
      .catch((error: unknown) => {
        chosen.lease?.release('unused');
        throw error;
      });
    const { lease } = chosen;
    if (!task || !lease) {
      if (!stopping) parts.onNothingToStart();
      return false;
    }
    parts.memory.begin(task);
    // Lent at once, so that nobody else takes them meanwhile.
    const crowd = parts.devices.begin(task, lease.worker).flatMap((worker) => pool.lease(worker) ?? []);
    const controller = new AbortController();
    const stages = new StageClock(parts.clock);
    const done = carryThrough(task, lease, crowd, stages, controller.signal);
    running.add(task.taskId, done, controller, stages);
    return true;
  };

  /** One attempt from its claim to its end in the store. Never throws. */
  const carryThrough = async (
    task: Task,
    lease: Lease,
    crowd: readonly Lease[],
    stages: StageClock,
    signal: AbortSignal,
  ): Promise<void> => {
    let worked = true;
    try {
      const outcome = await outcomeOf(task, lease, crowd, stages, signal);
      if (!outcome) return;
      if ('error' in outcome) {
        worked = outcome.error instanceof ChildFailure;
        if (outcome.error instanceof KilledForMemory) parts.memory.outgrew(task);
      }
      await settlement.settle(task, outcome, { stages, cancelled: signal.aborted });
    } finally {
      parts.progress.end(task);
      parts.memory.end(task);
      parts.devices.end(lease.worker);
      parts.preparation.end(lease.worker, worked ? 'lives' : 'died');
      lease.release(worked ? 'worked' : 'failed');
    }
  };

  /** Runs the attempt. @returns undefined: there was nothing to run, for the task was cancelled before */
  const outcomeOf = async (
    task: Task,
    lease: Lease,
    crowd: readonly Lease[],
    stages: StageClock,
    signal: AbortSignal,
  ): Promise<Outcome | undefined> => {
    try {
      await Promise.all(crowd.map(unloadNeighbour));
      // A cancel that came between the claim and here found no attempt that it could abort.
      if ((await store.fate(task.taskId))?.status !== 'processing') return undefined;
      return { result: await runAttempt(parts, task, lease, stages, signal) };
    } catch (error) {
      return { error };
    }
  };

  /** Has an idle worker give its models' memory to a task on the same GPU. Never throws. */
  const unloadNeighbour = async (neighbour: Lease): Promise<void> => {
    const where = { workerId: neighbour.worker.id, device: neighbour.device };
    try {
      const { unloaded: models } = await neighbour.worker.unload();
      log.info({ ...where, models }, 'models unloaded for a task on the same GPU');
    } catch (error) {
      log.error({ ...where, err: error }, 'models could not be unloaded');
    } finally {
      neighbour.release('tended');
    }
  };

  return {
    start() {
      poll = setInterval(() => void dispatch(), POLL_MS);
      void dispatch();
    },
    wake() {
      parts.preparation.look();
      void dispatch();
    },
    async stop(graceMs) {
      stopping = true;
      clearInterval(poll);
      const grace = new AbortController();
      const patience = sleep(graceMs, undefined, { signal: grace.signal }).catch(() => undefined);
      await Promise.race([running.settled(), patience]);
      grace.abort();
      settlement.stop();
      running.abortAll();
      await pool.stop();
      await running.settled();
    },
  };
}
