import type { Log } from '../log.ts';
import type { TaskStore } from '../store/taskStore.ts';
import { StageClock } from '../tasks/stageClock.ts';
import type { RunningAttempts } from '../tasks/runningAttempts.ts';
import type { Task } from '../tasks/task.ts';
import { ChildFailure, KilledForMemory } from '../worker/childErrors.ts';
import type { Lease, WorkerPool } from '../worker/workerPool.ts';
import { runAttempt, type AttemptParts } from './attempt.ts';
import type { AttemptLeases } from './attemptLeases.ts';
import type { Claimed } from './claiming.ts';
import type { DeviceAdmission } from './deviceAdmission.ts';
import type { MemoryAdmission } from './memoryAdmission.ts';
import type { Outcome, Settlement } from './settlement.ts';

/** What running a claimed task takes. */
export interface ClaimedTaskParts extends AttemptParts {
  store: Pick<TaskStore, 'statusOf'>;
  pool: Pick<WorkerPool, 'lease'>;
  running: RunningAttempts;
  memory: Pick<MemoryAdmission, 'begin' | 'end' | 'outgrew'>;
  devices: Pick<DeviceAdmission, 'begin' | 'end'>;
  leases: Pick<AttemptLeases, 'begin' | 'end'>;
  settlement: Pick<Settlement, 'settle'>;
}

/** Begins a claimed task; from then on it stands among the running attempts, until its end is in the store. */
export function beginClaimed(parts: ClaimedTaskParts, { task, lease }: Claimed): void {
  parts.memory.begin(task);
  parts.leases.begin(task);
  // Leased at once, so that nobody else takes them meanwhile.
  const neighbours = parts.devices
    .begin(task, lease.worker)
    .flatMap((worker) => parts.pool.lease(worker) ?? []);
  const controller = new AbortController();
  const stages = new StageClock(parts.clock);
  const done = runClaimed(parts, { task, lease, neighbours, stages, signal: controller.signal });
  parts.running.add(task.taskId, done, controller, stages);
}

interface Run extends Claimed {
  /** Idle workers of the same GPU, whose models may have to make room. */
  neighbours: readonly Lease[];
  stages: StageClock;
  signal: AbortSignal;
}

/** One attempt from its claim to its end in the store. Never throws. */
async function runClaimed(parts: ClaimedTaskParts, run: Run): Promise<void> {
  const { task, lease, stages, signal } = run;
  let worked = true;
  try {
    const outcome = await outcomeOf(parts, run);
    if (!outcome) return;
    if ('error' in outcome) {
      worked = outcome.error instanceof ChildFailure;
      if (outcome.error instanceof KilledForMemory) parts.memory.outgrew(task);
    }
    await parts.settlement.settle(task, outcome, { stages, cancelled: signal.aborted });
  } finally {
    parts.progress.end(task);
    parts.memory.end(task);
    parts.leases.end(task);
    parts.devices.end(lease.worker);
    parts.preparation.end(lease.worker, worked ? 'lives' : 'died');
    lease.release(worked ? 'worked' : 'failed');
  }
}

/** Runs the attempt. @returns undefined: there was nothing to run, for the task was cancelled before */
async function outcomeOf(parts: ClaimedTaskParts, run: Run): Promise<Outcome | undefined> {
  const { task, lease, neighbours, stages, signal } = run;
  try {
    await Promise.all(neighbours.map((neighbour) => unloadNeighbour(neighbour, parts.log)));
    // A cancel that came between the claim and here found no attempt that it could abort.
    if (!(await isStillRunning(parts.store, task))) return undefined;
    return { result: await runAttempt(parts, task, lease, stages, signal) };
  } catch (error) {
    return { error };
  }
}

const isStillRunning = async (store: Pick<TaskStore, 'statusOf'>, { taskId }: Task): Promise<boolean> =>
  (await store.statusOf(taskId))?.status === 'processing';

/** Has an idle worker give its models' memory to a task on the same GPU. Never throws. */
async function unloadNeighbour(neighbour: Lease, log: Log): Promise<void> {
  const where = { workerId: neighbour.worker.id, device: neighbour.device };
  try {
    const { unloaded: models } = await neighbour.worker.unload();
    log.info({ ...where, models }, 'models unloaded for a task on the same GPU');
  } catch (error) {
    log.error({ ...where, err: error }, 'models could not be unloaded');
  } finally {
    neighbour.release('maintained');
  }
}
