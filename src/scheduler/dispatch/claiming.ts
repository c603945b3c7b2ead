import type { Clock } from '../../clock.ts';
import type { Candidate, TaskQueue } from '../../queue/taskQueue.ts';
import type { Task } from '../../tasks/task.ts';
import type { InferenceWorker } from '../../workers/inference/inferenceWorker.ts';
import type { Lease, WorkerPool } from '../../workers/inference/workerPool.ts';
import { leaseUntil } from './attemptLeases.ts';
import type { DeviceAdmission } from '../admission/deviceAdmission.ts';
import type { MemoryAdmission } from '../admission/memoryAdmission.ts';
import type { Staging } from '../attempt/staging.ts';
import { chooseWorker } from './workerChoice.ts';

/** A claimed task and the leased worker that will run it. */
export interface Claimed {
  task: Task;
  lease: Lease;
}

/** Dependencies of `claimNext`. */
export interface ClaimingParts {
  queue: Pick<TaskQueue, 'candidates' | 'claim'>;
  pool: Pick<WorkerPool, 'ready' | 'lease'>;
  memory: Pick<MemoryAdmission, 'look'>;
  devices: Pick<DeviceAdmission, 'hasRoom' | 'takes'>;
  staging: Pick<Staging, 'isReady'>;
  clock: Pick<Clock, 'now'>;
  isStopping: () => boolean;
}

/** How many tasks are considered when older ones cannot start yet. */
const LOOK_AHEAD = 64;

/**
 * Claims the oldest task that may start, for the idle worker that suits it best. A task whose mixture is being staged
 * keeps one idle worker waiting for it: younger tasks may start on others, never before it on the same one.
 *
 * @returns undefined when no task can start or no worker suits it
 */
export async function claimNext(parts: ClaimingParts): Promise<Claimed | undefined> {
  const { queue, pool, clock } = parts;
  const turn = parts.memory.look();
  let idle = pool.ready().filter(({ isIdle }) => isIdle).length;
  for await (const { task, lastFailure } of candidates(queue)) {
    if (!parts.staging.isReady(task)) {
      idle -= 1;
      if (idle <= 0) return undefined;
      continue;
    }
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
    // Lease before claiming, so that nobody else takes the worker while the claim is written.
    const lease = itsTurn === 'start' ? pool.lease(suited) : undefined;
    if (!lease) return undefined;
    const claimed = await claimFor(queue, task, lease, leaseUntil(clock));
    if (claimed) return { task: claimed, lease };
  }
  return undefined;
}

/** Claims the task; releases the worker when the task is no longer pending. */
async function claimFor(
  queue: ClaimingParts['queue'],
  task: Task,
  lease: Lease,
  until: number,
): Promise<Task | undefined> {
  let claimed: Task | undefined;
  try {
    claimed = await queue.claim(task, { id: lease.worker.id, device: lease.device }, until);
    return claimed;
  } finally {
    if (!claimed) lease.release('unused');
  }
}

/** Candidates in queue order. The second and later ones are read only when the first is passed over. */
async function* candidates(queue: Pick<TaskQueue, 'candidates'>): AsyncGenerator<Candidate> {
  const [first] = await queue.candidates({ limit: 1 });
  if (!first) return;
  yield first;
  yield* await queue.candidates({ after: first.task.seq, limit: LOOK_AHEAD - 1 });
}
