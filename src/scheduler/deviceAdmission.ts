import type { InferenceWorker } from '../worker/inferenceWorker.ts';
import type { ReadyWorker } from '../worker/workerPool.ts';
import type { MeasuredPeaks, MeasuredTask } from './measuredPeaks.ts';

/** A worker as far as the memory of its device goes. */
export type AdmittedWorker = Pick<InferenceWorker, 'holding' | 'ready'>;

/** Lets tasks run beside each other on one GPU only if its memory holds all of them, by what was measured. */
export interface DeviceAdmission<Worker extends AdmittedWorker = InferenceWorker> {
  /** Whether this idle worker may begin the task now, for all that its GPU does beside. */
  hasRoom(task: MeasuredTask, worker: Worker): boolean;
  /** Bytes that this worker takes of its device: of what it runs, or of what it holds at rest. */
  takes(worker: Worker): number;
  /**
   * The worker runs the task from now on.
   *
   * @returns idle workers of the same GPU whose models should be unloaded first, for the task may not fit beside them
   */
  begin(task: MeasuredTask, worker: Worker): Worker[];
  /** It does not run it any more. */
  end(worker: Worker): void;
  /** Claims the GPU for a load, which nobody has measured; undefined while anything else runs there. @returns its end */
  claimForLoad(worker: Worker): (() => void) | undefined;
}

/** What other programs take, and what memory loses to gaps, needs room too. */
const USABLE_SHARE = 0.9;

/**
 * Builds it. A worker that has its device alone is always admitted: nothing of this concerns it. So is the only one
 * of several that works; beside others only what was measured may run, and nothing beside what was not.
 *
 * @param parts.workers all that live, each with its device
 */
export function createDeviceAdmission<Worker extends AdmittedWorker>(parts: {
  workers: () => readonly ReadyWorker<Worker>[];
  peaks: Pick<MeasuredPeaks, 'find'>;
}): DeviceAdmission<Worker> {
  /** What each works at takes; undefined: nobody knows. */
  const running = new Map<Worker, number | undefined>();

  const deviceOf = (worker: Worker) => parts.workers().find((each) => each.worker === worker)?.device;

  const neighboursOf = (worker: Worker) => {
    const device = deviceOf(worker);
    return parts.workers().filter((each) => each.device === device && each.worker !== worker);
  };

  const heldBy = (worker: Worker) => worker.holding.device_bytes ?? 0;

  /** Of its device, while it runs the task; undefined: not known. */
  const needOf = (task: MeasuredTask, worker: Worker): number | undefined => {
    const peak = parts.peaks.find(task, deviceOf(worker) ?? '');
    if (peak === undefined) return undefined;
    // The peak has the task's own model in it; beside others that one is counted twice, which is the safe side.
    const holdsOthers = worker.holding.models.some((name) => name !== task.modelType);
    return holdsOthers ? peak + heldBy(worker) : peak;
  };

  const isAtWork = ({ worker, isIdle }: ReadyWorker<Worker>) => !isIdle || running.has(worker);
  const takenBy = (each: ReadyWorker<Worker>) =>
    isAtWork(each) ? running.get(each.worker) : heldBy(each.worker);

  /** Whether they all fit on the worker's GPU with what it needs itself. */
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
