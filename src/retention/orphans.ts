import type { Clock } from '../clock.ts';
import type { Log } from '../log/log.ts';
import type { BlobStore } from '../blobs/blobStore.ts';
import { layout } from '../blobs/layout.ts';
import type { ScratchFolders } from '../blobs/workspace.ts';
import type { TaskQueue } from '../queue/taskQueue.ts';
import type { RunningAttempts } from '../tasks/runningAttempts.ts';

/** What sweeping takes: what is there, and who may need it. */
export interface SweepParts {
  queue: TaskQueue;
  blobs: Pick<BlobStore, 'list' | 'modifiedAt' | 'remove'>;
  workspace: { scratch: ScratchFolders };
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
  const { queue, blobs, running, workspace } = parts;
  const uploads = await sweep(
    parts,
    signal,
    below(blobs, layout.uploads),
    async (inputId) => !parts.isOpenUpload(inputId) && !(await queue.hasInput(inputId)),
  );
  const results = await sweep(
    parts,
    signal,
    below(blobs, layout.results),
    async (taskId) => !running.has(taskId) && (await queue.statusOf(taskId)) === undefined,
  );
  const scratch = await sweep(parts, signal, { prefix: 'scratch', ...workspace.scratch }, (name) =>
    Promise.resolve(!running.has(workspace.scratch.taskOf(name))),
  );
  return {
    removed: uploads.removed + results.removed + scratch.removed,
    failed: uploads.failed + results.failed + scratch.failed,
  };
}

/** Folders that may be orphans, by name. */
type Folders = Pick<ScratchFolders, 'list' | 'modifiedAt' | 'remove'> & { prefix: string };

const below = (blobs: SweepParts['blobs'], prefix: string): Folders => ({
  prefix,
  list: () => blobs.list(prefix),
  modifiedAt: (name) => blobs.modifiedAt(`${prefix}/${name}`),
  remove: (name) => blobs.remove(`${prefix}/${name}`),
});

async function sweep(
  { clock, log }: SweepParts,
  signal: AbortSignal,
  folders: Folders,
  isOrphan: (name: string) => Promise<boolean>,
): Promise<StepCounts> {
  const counts = { removed: 0, failed: 0 };
  for (const name of await folders.list()) {
    if (signal.aborted) break;
    try {
      // A read of the disk at every name: the event loop turns between two questions to the database.
      const writtenAt = await folders.modifiedAt(name);
      const isOld = writtenAt !== undefined && writtenAt < clock.now() - YOUNGEST_MS;
      if (!isOld || !(await isOrphan(name))) continue;
      await folders.remove(name);
      counts.removed += 1;
    } catch (error) {
      counts.failed += 1;
      log.warn({ key: `${folders.prefix}/${name}`, err: error }, 'an orphaned file could not be removed');
    }
  }
  return counts;
}
