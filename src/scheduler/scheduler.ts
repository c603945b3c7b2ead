import { setTimeout as sleep } from 'node:timers/promises';
import { layout } from '../store/layout.ts';
import type { AttemptResult, TaskStore } from '../store/taskStore.ts';
import type { RunningAttempts } from '../tasks/runningAttempts.ts';
import { StageClock } from '../tasks/stageClock.ts';
import { logStatus } from '../tasks/statusLog.ts';
import type { Task } from '../tasks/task.ts';
import { ChildFailure, KilledForMemory } from '../worker/childErrors.ts';
import type { InferenceWorker } from '../worker/inferenceWorker.ts';
import type { Lease, WorkerPool } from '../worker/workerPool.ts';
import { runAttempt, type AttemptParts } from './attempt.ts';
import type { DeviceAdmission } from './deviceAdmission.ts';
import type { MemoryAdmission } from './memoryAdmission.ts';
import { judge } from './verdict.ts';
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
const PERSIST_RETRY_MS = 1_000;

/** Builds the scheduler; nothing else starts an attempt. */
export function createScheduler(
  parts: AttemptParts & {
    store: TaskStore;
    pool: Pick<WorkerPool, 'ready' | 'lease' | 'stop'>;
    running: RunningAttempts;
    memory: MemoryAdmission;
    devices: DeviceAdmission;
    maxAttempts: number;
    /** A worker is idle, and no task can start now. */
    onNothingToStart: () => void;
    /** A worker could not load this model: `reason` says why, fit for a client. */
    onModelUnavailable: (modelType: string, reason: string) => void;
    /** A task has come to its end in an attempt, and the store says so. */
    onEnded: (task: Task, result: AttemptResult) => void;
  },
): Scheduler {
  const { store, pool, running, files, log } = parts;
  let stopping = false;
  let killed = false;
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
    const where = { taskId: task.taskId, attempt: task.attempt, workerId: lease.worker.id };
    logStatus(log, task.taskId, 'processing', { ...where, modelType: task.modelType });
    let worked = true;
    try {
      await Promise.all(crowd.map(unloadNeighbour));
      // A cancel that came between the claim and here found no attempt that it could abort.
      if ((await store.fate(task.taskId))?.status !== 'processing') return;
      const result = await runAttempt(parts, task, lease, stages, signal);
      await removeFiles(task, layout.attemptScratch(task.taskId, task.attempt));
      const isCurrent = await finish(task, result, stages);
      if (!isCurrent || result.status === 'failed') await removeFiles(task, layout.task(task.taskId));
    } catch (error) {
      worked = error instanceof ChildFailure;
      // First, for once it is settled the next attempt may begin, in the same folder.
      await removeFiles(task, layout.attemptScratch(task.taskId, task.attempt));
      await removeFiles(task, layout.task(task.taskId));
      if (error instanceof KilledForMemory) parts.memory.outgrew(task);
      await settleFailure(task, error, stages, signal.aborted);
    } finally {
      parts.progress.end(task);
      parts.memory.end(task);
      parts.devices.end(lease.worker);
      parts.preparation.end(lease.worker, worked ? 'lives' : 'died');
      lease.release(worked ? 'worked' : 'failed');
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
    }
    neighbour.release('tended');
  };

  /** Writes the end of a task. @returns false when the attempt is not its current one any more */
  const finish = async (task: Task, result: AttemptResult, stages: StageClock): Promise<boolean> => {
    const { taskId, attempt } = task;
    const isCurrent = await persist(() => store.finish(taskId, attempt, result));
    if (!isCurrent) return false;
    logStatus(log, taskId, result.status, {
      attempt,
      modelType: task.modelType,
      ...stages.read(),
      processingSeconds: result.processingSeconds,
      ...(result.status === 'failed' ? { failure: result.failure } : {}),
    });
    parts.onEnded(task, result);
    return true;
  };

  const settleFailure = async (
    task: Task,
    error: unknown,
    stages: StageClock,
    cancelled: boolean,
  ): Promise<void> => {
    const where = { taskId: task.taskId, attempt: task.attempt };
    const verdict = judge(error, task, {
      stopping: killed,
      cancelled,
      maxAttempts: parts.maxAttempts,
      retryDelayMs: parts.patience.retryDelayMs,
    });
    const traceback = error instanceof ChildFailure ? error.traceback : null;
    log[verdict.next === 'nothing' ? 'info' : 'error'](
      { ...where, err: error, traceback, verdict, ...stages.read() },
      'an attempt failed',
    );
    if (error instanceof ChildFailure && error.kind === 'MODEL_UNAVAILABLE') {
      parts.onModelUnavailable(task.modelType, error.message);
    }
    if (verdict.next === 'fail') {
      const { failure, burnt } = verdict;
      const startedAt = task.startedAt ?? parts.clock.now();
      const processingSeconds = Math.max(0, parts.clock.now() - startedAt) / 1000;
      await finish(task, { status: 'failed', failure, burnt, processingSeconds }, stages);
    }
    if (verdict.next === 'requeue') {
      const { outcome, burnt, delayMs = 0 } = verdict;
      const how = { outcome, burnt, notBefore: delayMs > 0 ? parts.clock.now() + delayMs : null };
      const isCurrent = await persist(() => store.requeue(task.taskId, task.attempt, how));
      if (isCurrent) logStatus(log, task.taskId, 'requeued', { attempt: task.attempt, outcome });
    }
  };

  /** The end of an attempt is written, however long the database refuses. */
  const persist = async (write: () => Promise<boolean>): Promise<boolean> => {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        log.error({ err: error }, 'the end of an attempt could not be written');
        // The next start finds the task in `processing` and runs it again.
        if (killed) return false;
        await sleep(PERSIST_RETRY_MS);
      }
    }
  };

  /** What cannot be removed now, the sweep at the next start removes. */
  const removeFiles = async (task: Task, key: string): Promise<void> => {
    await files.remove(key).catch((error: unknown) => {
      log.warn({ taskId: task.taskId, err: error }, 'files of an attempt could not be removed');
    });
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
      killed = true;
      running.abortAll();
      await pool.stop();
      await running.settled();
    },
  };
}
