import type { Clock } from '../clock.ts';
import type { Candidate, TaskStore } from '../store/taskStore.ts';
import type { Task } from '../tasks/task.ts';
import type { InferenceWorker } from '../worker/inferenceWorker.ts';
import type { Lease, WorkerPool } from '../worker/workerPool.ts';
import { leaseUntil } from './attemptLeases.ts';
import type { DeviceAdmission } from './deviceAdmission.ts';
import type { MemoryAdmission } from './memoryAdmission.ts';
import { chooseWorker } from './workerChoice.ts';

/** A task that has become an attempt, and the worker that is to run it. */
export interface Claimed {
  task: Task;
  lease: Lease;
}

/** What choosing takes. */
export interface ClaimingParts {
  store: Pick<TaskStore, 'candidates' | 'claim'>;
  pool: Pick<WorkerPool, 'ready' | 'lease'>;
  memory: Pick<MemoryAdmission, 'look'>;
  devices: Pick<DeviceAdmission, 'hasRoom' | 'takes'>;
  clock: Pick<Clock, 'now'>;
  isStopping: () => boolean;
}

/** No more tasks than these are looked at for one that may pass others. */
const LOOK_AHEAD = 64;

/**
 * Claims the oldest task that may start, for the idle worker that suits it best.
 *
 * @returns undefined where there is not both
 */
export async function claimNext(parts: ClaimingParts): Promise<Claimed | undefined> {
  const { store, pool, clock } = parts;
  const turn = parts.memory.look();
  for await (const { task, lastFailure } of candidates(store)) {
    let suited: InferenceWorker | undefined;
    const itsTurn = turn(task, () => {
      suited = chooseWorker(
        pool.ready(),
        {
          modelType: task.modelType,
          lastFailure,
          hasRoom: (worker) => parts.devices.hasRoom(task, worker),
        },
        (worker) => parts.devices.takes(worker),
      );
      return suited !== undefined;
    });
    if (itsTurn === 'pass') continue;
    if (parts.isStopping()) return undefined;
    // Before the claim, so that nobody else takes the worker while it is written.
    const lease = itsTurn === 'start' ? pool.lease(suited) : undefined;
    if (!lease) return undefined;
    const claimed = await claimFor(store, task, lease, leaseUntil(clock));
    if (claimed) return { task: claimed, lease };
  }
  return undefined;
}

/** Gives the worker back where the task was cancelled meanwhile. */
async function claimFor(
  store: ClaimingParts['store'],
  task: Task,
  lease: Lease,
  until: number,
): Promise<Task | undefined> {
  let claimed: Task | undefined;
  try {
    claimed = await store.claim(task, { id: lease.worker.id, device: lease.device }, until);
    return claimed;
  } finally {
    if (!claimed) lease.release('unused');
  }
}

/** In their order; more than the first are read only when that one is passed. */
async function* candidates(store: Pick<TaskStore, 'candidates'>): AsyncGenerator<Candidate> {
  const [first] = await store.candidates({ limit: 1 });
  if (!first) return;
  yield first;
  yield* await store.candidates({ after: first.task.seq, limit: LOOK_AHEAD - 1 });
}
