import type { Log } from '../log.ts';
import type { FileStore } from '../store/fileStore.ts';
import { layout } from '../store/layout.ts';
import type { TaskStore } from '../store/taskStore.ts';
import type { Task } from './task.ts';

/** Carries out deletions. A task that is marked as deleted is hidden from everybody, whatever becomes of its files. */
export interface Erasing {
  /** Removes what there is of a marked task. What cannot be removed now is tried again, soon and then by every cleanup. Never throws. */
  erase(task: Task): Promise<void>;
  /** Nothing is tried any more; the next start goes on. */
  stop(): void;
}

/** Waits between the tries, in milliseconds; after the last the cleanup, or the next start, takes over. */
const TRY_AGAIN_AFTER_MS = [1_000, 4_000, 16_000, 60_000, 240_000];

/** Builds it. */
export function createErasing(parts: {
  store: Pick<TaskStore, 'erase'>;
  files: Pick<FileStore, 'remove'>;
  log: Pick<Log, 'error'>;
  waits?: readonly number[];
}): Erasing {
  const { store, files, log, waits = TRY_AGAIN_AFTER_MS } = parts;
  const timers = new Set<NodeJS.Timeout>();
  let isStopped = false;

  const attempt = async (task: Task, failures: number): Promise<void> => {
    try {
      await eraseTask(store, files, task);
    } catch (error) {
      log.error({ taskId: task.taskId, err: error }, 'a deleted task could not be erased; it is tried again');
      const wait = waits[failures];
      if (wait === undefined || isStopped) return;
      const timer = setTimeout(() => {
        timers.delete(timer);
        void attempt(task, failures + 1);
      }, wait).unref();
      timers.add(timer);
    }
  };

  return {
    erase: (task) => attempt(task, 0),
    stop() {
      isStopped = true;
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

/** Its files, and last its rows: as long as these are there, the files can be found. */
export async function eraseTask(
  store: Pick<TaskStore, 'erase'>,
  files: Pick<FileStore, 'remove'>,
  task: Task,
): Promise<void> {
  await files.remove(layout.task(task.taskId));
  await files.remove(layout.input(task.mixture.inputId));
  await store.erase(task.taskId);
}
