import type { DeviceFailure } from '../store/taskStore.ts';
import type { InferenceWorker } from '../worker/inferenceWorker.ts';
import type { ReadyWorker } from '../worker/workerPool.ts';

/**
 * The idle worker that suits a task best; undefined when none is idle. One on another device than its last attempt
 * failed on comes first; then one that has the model loaded; then one on the device that does least, and of
 * those the one with the most memory left. A task whose last attempt failed because of its GPU waits for another
 * one, if there is one: a second failure there would be taken for its own.
 *
 * @param workers all that live, idle or not
 * @param lastFailure the device on which the task's last attempt took its worker with it, and how
 */
export function chooseWorker<Worker extends ChoosableWorker>(
  workers: readonly ReadyWorker<Worker>[],
  modelType: string,
  lastFailure: DeviceFailure | undefined,
): Worker | undefined {
  const failedOn = lastFailure?.device;
  const mustChange =
    lastFailure?.outcome === 'device_failed' && workers.some(({ device }) => device !== failedOn);
  // The first difference decides; what is smaller is better.
  const ranked = workers
    .filter(({ isIdle, device }) => isIdle && !(mustChange && device === failedOn))
    .map(({ worker, device }) => {
      const there = workers.filter((other) => other.device === device);
      const rank = [
        device === failedOn ? 1 : 0,
        worker.holding.models.includes(modelType) ? 0 : 1,
        there.filter(({ isIdle }) => !isIdle).length,
        -bytesLeft(there),
      ];
      return { worker, rank };
    });
  return ranked.sort((a, b) => compare(a.rank, b.rank))[0]?.worker;
}

/** What the choice looks at. */
export type ChoosableWorker = Pick<InferenceWorker, 'holding' | 'ready'>;

/** Memory of a device that none of its workers holds, by what each said when it rested last. */
function bytesLeft(there: readonly ReadyWorker<ChoosableWorker>[]): number {
  const total = there[0]?.worker.ready.device.total_memory_bytes ?? 0;
  return there.reduce((left, { worker }) => left - (worker.holding.device_bytes ?? 0), total);
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}
