import type { DeviceFailure } from '../store/taskStore.ts';
import type { ReadyWorker } from '../worker/workerPool.ts';
import type { AdmittedWorker } from './deviceAdmission.ts';

/** What a task wants of its worker. */
export interface Wish<Worker> {
  modelType: string;
  /** The device on which its last attempt took its worker with it, and how. */
  lastFailure: DeviceFailure | undefined;
  /** Whether an idle worker's device has the memory for it now. */
  hasRoom: (worker: Worker) => boolean;
}

/**
 * The idle worker that suits a task best; undefined when there is none. One on another device than its last attempt
 * failed on comes first; then one that has the model loaded; then one on the device that does least, and of
 * those the one with the most memory left. A task whose last attempt failed because of its GPU waits for another
 * one, if there is one: a second failure there would be taken for its own.
 *
 * @param workers all that live, idle or not
 * @param takes bytes that a worker takes of its device
 */
export function chooseWorker<Worker extends AdmittedWorker>(
  workers: readonly ReadyWorker<Worker>[],
  { modelType, lastFailure, hasRoom }: Wish<Worker>,
  takes: (worker: Worker) => number,
): Worker | undefined {
  const failedOn = lastFailure?.device;
  const mustChange =
    lastFailure?.outcome === 'device_failed' && workers.some(({ device }) => device !== failedOn);
  // The first difference decides; what is smaller is better.
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
