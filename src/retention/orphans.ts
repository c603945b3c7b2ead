import type { Clock } from '../clock.ts';
import type { Log } from '../log/log.ts';
import type { FileStore } from '../blobs/fileStore.ts';
import { layout } from '../blobs/layout.ts';
import type { TaskQueue } from '../queue/taskQueue.ts';
import type { RunningAttempts } from '../tasks/runningAttempts.ts';

/** What sweeping takes: what is there, and who may need it. */
export interface SweepParts {
  queue: TaskQueue;
  files: FileStore;
  running: Pick<RunningAttempts, 'has'>;
  /** Whether a file is being received, or was and is not yet a task's. */
  isOpenUpload: (inputId: string) => boolean;
  clock: Clock;
  log: Log;
}

/** What came of a step: how many were removed, and how many could not be and are left for the next pass. */
export interface StepCounts {
  removed: number;
  failed: number;
}

/** A folder that was written to within this time may belong to something that goes on. */
const YOUNGEST_MS = 3_600_000;

/**
 * Removes uploads, results and scratch folders that belong to no task and to nothing that goes on. Age alone
 * would not do: an upload over a slow line writes for longer than any limit. So what goes on is asked for,
 * and asked before the rows: an upload that was accepted meanwhile has its row by then.
 */
export async function sweepOrphans(parts: SweepParts, signal: AbortSignal): Promise<StepCounts> {
  const { queue, running } = parts;
  const uploads = await sweep(
    parts,
    signal,
    layout.uploads,
    async (inputId) => !parts.isOpenUpload(inputId) && !(await queue.hasInput(inputId)),
  );
  const results = await sweep(
    parts,
    signal,
    layout.results,
    async (taskId) => !running.has(taskId) && (await queue.statusOf(taskId)) === undefined,
  );
  const scratch = await sweep(parts, signal, layout.scratch, (name) =>
    Promise.resolve(!running.has(name.slice(0, name.lastIndexOf('.')))),
  );
  return {
    removed: uploads.removed + results.removed + scratch.removed,
    failed: uploads.failed + results.failed + scratch.failed,
  };
}

async function sweep(
  { files, clock, log }: SweepParts,
  signal: AbortSignal,
  folder: string,
  isOrphan: (name: string) => Promise<boolean>,
): Promise<StepCounts> {
  const counts = { removed: 0, failed: 0 };
  for (const name of await files.list(folder)) {
    if (signal.aborted) break;
    const key = `${folder}/${name}`;
    try {
      // A read of the disk at every name: the event loop turns between two questions to the database.
      const writtenAt = await files.modifiedAt(key);
      const isOld = writtenAt !== undefined && writtenAt < clock.now() - YOUNGEST_MS;
      if (!isOld || !(await isOrphan(name))) continue;
      await files.remove(key);
      counts.removed += 1;
    } catch (error) {
      counts.failed += 1;
      log.warn({ key, err: error }, 'an orphaned file could not be removed');
    }
  }
  return counts;
}
