import type { InferenceWorker } from '../../workers/inference/inferenceWorker.ts';
import type { ReadyWorker } from '../../workers/inference/workerPool.ts';
import type { MeasuredPeaks, MeasuredTask } from '../estimates/measuredPeaks.ts';

/** The part of a worker that device memory admission needs. */
export type AdmittedWorker = Pick<InferenceWorker, 'holding' | 'ready'>;

/** Admits concurrent tasks on one GPU only when their measured peaks fit into its memory together. */
export interface DeviceAdmission<Worker extends AdmittedWorker = InferenceWorker> {
  /** Whether this idle worker may start the task now, given what else runs on its GPU. */
  hasRoom(task: MeasuredTask, worker: Worker): boolean;
  /** Device memory this worker uses: for its running task, or for the models it holds while idle (bytes). */
  takes(worker: Worker): number;
  /**
   * Registers the task as running on the worker.
   *
   * @returns idle workers on the same GPU whose models should be unloaded first, because the task may not fit beside them
   */
  begin(task: MeasuredTask, worker: Worker): Worker[];
  /** The worker's task has ended. */
  end(worker: Worker): void;
  /** Reserves the whole GPU for loading a model, whose peak is unknown. @returns the release; undefined while anything else runs there */
  claimForLoad(worker: Worker): (() => void) | undefined;
}

/** The rest is left for other programs and fragmentation. */
const USABLE_SHARE = 0.9;

/**
 * Creates the admission. A worker alone on its device, or the only busy one there, is always admitted. Beside others,
 * only tasks with a measured peak may run, and nothing may run beside a task without one.
 *
 * @param parts.workers all started workers with their devices
 */
export function createDeviceAdmission<Worker extends AdmittedWorker>(parts: {
  workers: () => readonly ReadyWorker<Worker>[];
  peaks: Pick<MeasuredPeaks, 'find'>;
}): DeviceAdmission<Worker> {
  /** Peak of each running task; undefined: never measured. */
  const running = new Map<Worker, number | undefined>();

  const deviceOf = (worker: Worker) => parts.workers().find((each) => each.worker === worker)?.device;

  const neighboursOf = (worker: Worker) => {
    const device = deviceOf(worker);
    return parts.workers().filter((each) => each.device === device && each.worker !== worker);
  };

  const heldBy = (worker: Worker) => worker.holding.device_bytes ?? 0;

  /** Device memory the worker needs to run the task; undefined: never measured. */
  const needOf = (task: MeasuredTask, worker: Worker): number | undefined => {
    const peak = parts.peaks.find(task, deviceOf(worker) ?? '');
    if (peak === undefined) return undefined;
    // The peak includes the task's own model, so with other models loaded it is counted twice: on the safe side.
    const holdsOthers = worker.holding.models.some((name) => name !== task.modelType);
    return holdsOthers ? peak + heldBy(worker) : peak;
  };

  const isAtWork = ({ worker, isIdle }: ReadyWorker<Worker>) => !isIdle || running.has(worker);
  const takenBy = (each: ReadyWorker<Worker>) =>
    isAtWork(each) ? running.get(each.worker) : heldBy(each.worker);

  /** Whether `need` and the memory of all others fit on the worker's GPU. */
  const fit = (worker: Worker, need: number | undefined, others: readonly ReadyWorker<Worker>[]): boolean => {
    let sum = need;
    for (const each of others) {
      const taken = takenBy(each);
      if (sum === undefined || taken === undefined) return false;
      sum += taken;
    }
    return sum !== undefined && sum <= USABLE_SHARE * worker.ready.device.total_memory_bytes;
  };

  return {
    hasRoom(task, worker) {
      const neighbours = neighboursOf(worker);
      return !neighbours.some(isAtWork) || fit(worker, needOf(task, worker), neighbours);
    },
    takes: (worker) => running.get(worker) ?? heldBy(worker),
    begin(task, worker) {
      const need = needOf(task, worker);
      const neighbours = neighboursOf(worker);
      running.set(worker, need);
      if (fit(worker, need, neighbours)) return [];
      return neighbours
        .filter((each) => !isAtWork(each) && heldBy(each.worker) > 0)
        .map((each) => each.worker);
    },
    end(worker) {
      running.delete(worker);
    },
    claimForLoad(worker) {
      if (neighboursOf(worker).some((each) => running.has(each.worker))) return undefined;
      running.set(worker, undefined);
      return () => running.delete(worker);
    },
  };
}
