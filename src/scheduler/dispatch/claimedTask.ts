import type { Log } from '../../log/log.ts';
import type { TaskQueue } from '../../queue/taskQueue.ts';
import { StageClock } from '../../tasks/stageClock.ts';
import type { RunningAttempts } from '../../tasks/runningAttempts.ts';
import type { Task } from '../../tasks/task.ts';
import { ChildFailure, KilledForMemory } from '../../workers/process/childErrors.ts';
import type { Lease, WorkerPool } from '../../workers/inference/workerPool.ts';
import { runAttempt, type AttemptParts } from '../attempt/attempt.ts';
import type { AttemptLeases } from './attemptLeases.ts';
import type { Claimed } from './claiming.ts';
import type { DeviceAdmission } from '../admission/deviceAdmission.ts';
import type { MemoryAdmission } from '../admission/memoryAdmission.ts';
import type { Outcome, Settlement } from '../attempt/settlement.ts';

/** Dependencies of `beginClaimed`. */
export interface ClaimedTaskParts extends AttemptParts {
  queue: Pick<TaskQueue, 'statusOf'>;
  pool: Pick<WorkerPool, 'lease'>;
  running: RunningAttempts;
  memory: Pick<MemoryAdmission, 'begin' | 'end' | 'outgrew'>;
  devices: Pick<DeviceAdmission, 'begin' | 'end'>;
  leases: Pick<AttemptLeases, 'begin' | 'end'>;
  settlement: Pick<Settlement, 'settle'>;
}

/** Starts a claimed task and registers it as a running attempt until its outcome is stored. */
export function beginClaimed(parts: ClaimedTaskParts, { task, lease }: Claimed): void {
  parts.memory.begin(task);
  parts.leases.begin(task);
  // Lease the neighbours synchronously, before anybody else can.
  const neighbours = parts.devices
    .begin(task, lease.worker)
    .flatMap((worker) => parts.pool.lease(worker) ?? []);
  const controller = new AbortController();
  const stages = new StageClock(parts.clock);
  const done = runClaimed(parts, { task, lease, neighbours, stages, signal: controller.signal });
  parts.running.add(task.taskId, done, controller, stages);
}

interface Run extends Claimed {
  /** Idle workers on the same GPU whose models are unloaded first. */
  neighbours: readonly Lease[];
  stages: StageClock;
  signal: AbortSignal;
}

/** Runs one attempt and stores its outcome. Never throws. */
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

/** Runs the attempt. @returns undefined when the task was cancelled before it began */
async function outcomeOf(parts: ClaimedTaskParts, run: Run): Promise<Outcome | undefined> {
  const { task, lease, neighbours, stages, signal } = run;
  try {
    await Promise.all(neighbours.map((neighbour) => unloadNeighbour(neighbour, parts.log)));
    // A cancel between the claim and this point found no running attempt to abort.
    if (!(await isStillRunning(parts.queue, task))) return undefined;
    return { result: await runAttempt(parts, task, lease, stages, signal) };
  } catch (error) {
    return { error };
  }
}

const isStillRunning = async (queue: Pick<TaskQueue, 'statusOf'>, { taskId }: Task): Promise<boolean> =>
  (await queue.statusOf(taskId))?.status === 'processing';

/** Unloads an idle worker's models to free memory on a shared GPU. Never throws. */
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
