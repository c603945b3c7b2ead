import type { Log } from '../log/log.ts';
import type { BlobStore } from '../blobs/blobStore.ts';
import { layout } from '../blobs/layout.ts';
import type { TaskQueue } from '../queue/taskQueue.ts';
import type { Task } from '../tasks/task.ts';

/** Carries out deletions. A task marked as deleted is hidden even if its files cannot be removed yet. */
export interface Erasing {
  /** Removes the files and rows of a marked task. Failures are retried, later by every cleanup. Never throws. */
  erase(task: Task): Promise<void>;
  /** Cancels all retries; the next start continues. */
  stop(): void;
}

/** Delays between retries in milliseconds; after the last one the cleanup takes over. */
const TRY_AGAIN_AFTER_MS = [1_000, 4_000, 16_000, 60_000, 240_000];

/** Creates it. */
export function createErasing(parts: {
  queue: Pick<TaskQueue, 'erase'>;
  blobs: Pick<BlobStore, 'remove'>;
  log: Pick<Log, 'error'>;
  waits?: readonly number[];
}): Erasing {
  const { queue, blobs, log, waits = TRY_AGAIN_AFTER_MS } = parts;
  const timers = new Set<NodeJS.Timeout>();
  let isStopped = false;

  const attempt = async (task: Task, failures: number): Promise<void> => {
    try {
      await eraseTask(queue, blobs, task);
    } catch (error) {
      log.error({ taskId: task.taskId, err: error }, 'a deleted task could not be erased; retrying');
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

/** Removes the files first and the rows last, because the rows are what locates the files. */
export async function eraseTask(
  queue: Pick<TaskQueue, 'erase'>,
  blobs: Pick<BlobStore, 'remove'>,
  task: Task,
): Promise<void> {
  await blobs.remove(layout.task(task.taskId));
  await blobs.remove(layout.input(task.mixture.inputId));
  await queue.erase(task.taskId);
}
