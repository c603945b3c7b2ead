import type { DeviceFailure } from '../../queue/taskQueue.ts';
import type { ReadyWorker } from '../../workers/inference/workerPool.ts';
import type { AdmittedWorker } from '../admission/deviceAdmission.ts';

/** What a task requires of its worker. */
export interface Wish<Worker> {
  modelType: string;
  /** The device on which its last attempt took down its worker, and how. */
  lastFailure: DeviceFailure | undefined;
  /** Whether an idle worker's device has enough memory now. */
  hasRoom: (worker: Worker) => boolean;
}

/**
 * Chooses the best idle worker for a task; undefined when there is none. Preferred in this order: another device than
 * the one its last attempt failed on; the model already loaded; the least busy device; the most free memory. A task
 * whose last attempt failed because of its GPU waits for another GPU, if there is one, because a second failure on the
 * same one would count against the task.
 *
 * @param workers all started workers, idle or busy
 * @param takes device memory a worker uses, in bytes
 */
export function chooseWorker<Worker extends AdmittedWorker>(
  workers: readonly ReadyWorker<Worker>[],
  { modelType, lastFailure, hasRoom }: Wish<Worker>,
  takes: (worker: Worker) => number,
): Worker | undefined {
  const failedOn = lastFailure?.device;
  const mustChange =
    lastFailure?.outcome === 'device_failed' && workers.some(({ device }) => device !== failedOn);
  // Compared lexicographically; smaller is better.
  const ranked = workers
    .filter(({ isIdle, device }) => isIdle && !(mustChange && device === failedOn))
    .filter(({ worker }) => hasRoom(worker))
    .map(({ worker, device }) => {
      const there = workers.filter((other) => other.device === device);
      const taken = there.reduce((sum, other) => sum + takes(other.worker), 0);
      const rank = [
        device === failedOn ? 1 : 0,
        worker.holding.models.includes(modelType) ? 0 : 1,
        there.filter(({ isIdle }) => !isIdle).length,
        taken - worker.ready.device.total_memory_bytes,
      ];
      return { worker, rank };
    });
  return ranked.sort((a, b) => compare(a.rank, b.rank))[0]?.worker;
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}
