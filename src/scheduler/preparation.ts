import type { Log } from '../log.ts';
import type { FileStore } from '../store/fileStore.ts';
import type { TaskStore } from '../store/taskStore.ts';
import { WHOLE_SECONDS } from '../tasks/pieces.ts';
import type { Task } from '../tasks/task.ts';
import type { InferenceWorker } from '../worker/inferenceWorker.ts';
import type { RunnableModel } from './runnableModel.ts';

/**
 * Has workers decode the songs that are next while their networks work. A hint from end to end: tasks start in
 * their order, on whichever worker suits them, and one whose song was not decoded ahead is decoded then.
 */
export interface Preparation<Worker = InferenceWorker> {
  /** The network of this worker works from now on. */
  begin(worker: Worker): void;
  /** It does so no more. `died`: what it prepared may be why, and is never prepared again. */
  end(worker: Worker, how: 'lives' | 'died'): void;
  /** There may be another next task. */
  look(): void;
}

/** Builds it. */
export function createPreparation<Worker extends Pick<InferenceWorker, 'prepare'>>(parts: {
  store: Pick<TaskStore, 'nextPending'>;
  files: Pick<FileStore, 'localPath'>;
  describeModel: (modelType: string) => Pick<RunnableModel, 'sampleRate'> | undefined;
  log: Pick<Log, 'warn'>;
}): Preparation<Worker> {
  /** The task that each busy worker prepares; null: none yet. */
  const busy = new Map<Worker, string | null>();
  const suspects = new Set<string>();

  const look = async (): Promise<void> => {
    if (![...busy.values()].includes(null)) return;
    const next = await parts.store.nextPending(busy.size);
    const prepared = new Set(busy.values());
    for (const task of next) {
      const free = [...busy].find(([, taskId]) => taskId === null)?.[0];
      if (free === undefined) return;
      if (prepared.has(task.taskId) || suspects.has(task.taskId)) continue;
      const model = parts.describeModel(task.modelType);
      if (!model || !isPreparable(task)) continue;
      busy.set(free, task.taskId);
      free.prepare({
        mixture_path: parts.files.localPath(task.mixture.storageKey),
        sample_rate: model.sampleRate,
        duration_seconds: task.mixture.durationSeconds,
      });
    }
  };
  const tryToLook = () => {
    // A hint must not fail anything.
    look().catch((error: unknown) => {
      parts.log.warn({ err: error }, 'the next task could not be prepared');
    });
  };

  return {
    begin(worker) {
      if (busy.has(worker)) return;
      busy.set(worker, null);
      tryToLook();
    },
    end(worker, how) {
      const taskId = busy.get(worker);
      busy.delete(worker);
      if (how === 'died' && taskId) suspects.add(taskId);
    },
    look: tryToLook,
  };
}

/** What is staged first is not there yet, and what goes through MSST in pieces is never held. */
const isPreparable = ({ mixture }: Task) =>
  mixture.stagingReason === null && mixture.durationSeconds <= WHOLE_SECONDS;
