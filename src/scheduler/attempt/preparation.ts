import type { Log } from '../../log/log.ts';
import type { Workspace } from '../../blobs/workspace.ts';
import type { TaskQueue } from '../../queue/taskQueue.ts';
import { WHOLE_SECONDS } from '../../tasks/resources/pieces.ts';
import type { InferenceWorker } from '../../workers/inference/inferenceWorker.ts';
import type { RunnableModel } from './runnableModel.ts';
import type { Staging } from './staging.ts';

/**
 * Has busy workers decode the next songs in the queue ahead of time. Only a hint: tasks still start in order, on
 * whichever worker suits them, and a song that was not decoded ahead is decoded then.
 */
export interface Preparation<Worker = InferenceWorker> {
  /** This worker's network is now computing. */
  begin(worker: Worker): void;
  /** It has stopped. `died`: the song it was preparing may be the cause and is never prepared again. */
  end(worker: Worker, how: 'lives' | 'died'): void;
  /** The head of the queue may have changed. */
  look(): void;
}

/** Builds it. */
export function createPreparation<Worker extends Pick<InferenceWorker, 'prepare'>>(parts: {
  queue: Pick<TaskQueue, 'nextPending'>;
  workspace: Pick<Workspace, 'localPath'>;
  staging: Pick<Staging, 'find'>;
  describeModel: (modelType: string) => Pick<RunnableModel, 'sampleRate'> | undefined;
  log: Pick<Log, 'warn'>;
}): Preparation<Worker> {
  /** The task each busy worker is preparing; null: none yet. */
  const busy = new Map<Worker, string | null>();
  const suspects = new Set<string>();

  const look = async (): Promise<void> => {
    if (![...busy.values()].includes(null)) return;
    const next = await parts.queue.nextPending(busy.size);
    const prepared = new Set(busy.values());
    for (const task of next) {
      const free = [...busy].find(([, taskId]) => taskId === null)?.[0];
      if (free === undefined) return;
      if (prepared.has(task.taskId) || suspects.has(task.taskId)) continue;
      const model = parts.describeModel(task.modelType);
      // One processed in pieces is never held in memory.
      if (!model || task.mixture.durationSeconds > WHOLE_SECONDS) continue;
      const { stagingReason, storageKey, durationSeconds } = task.mixture;
      const staged = parts.staging.find(task.taskId);
      if (stagingReason !== null && !staged) continue;
      busy.set(free, task.taskId);
      const path = staged?.path ?? (await parts.workspace.localPath(storageKey));
      // It may have stopped computing meanwhile.
      if (busy.get(free) !== task.taskId) continue;
      free.prepare({
        mixture_path: path,
        sample_rate: model.sampleRate,
        duration_seconds: staged?.durationSeconds ?? durationSeconds,
      });
    }
  };
  const tryToLook = () => {
    // A failed hint must not fail anything else.
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
