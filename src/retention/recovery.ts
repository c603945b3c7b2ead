import type { Log } from '../log/log.ts';
import type { BlobStore } from '../blobs/blobStore.ts';
import { layout } from '../blobs/layout.ts';
import type { ScratchFolders } from '../blobs/workspace.ts';
import type { LostAttempt, PoisonRule, TaskQueue } from '../queue/taskQueue.ts';
import { eraseTask } from './erasing.ts';

/** A task that takes the server down at every start must fail eventually; one that was running by chance must not. */
const POISON: PoisonRule = {
  deathsInARow: 3,
  failure: {
    code: 'WORKER_CRASHED',
    message:
      'The server ended unexpectedly three times in a row while it worked on this task, so the task is not tried ' +
      'again. Submit it again if the server stopped for another reason, such as a power cut.',
  },
};

/**
 * Startup recovery: requeues interrupted tasks, or fails them when they were interrupted too often in a row; completes
 * deletions; removes files without a row. Runs before any attempt starts.
 */
export async function recover(parts: {
  queue: TaskQueue;
  blobs: Pick<BlobStore, 'list' | 'remove'>;
  workspace: { scratch: Pick<ScratchFolders, 'clear'> };
  log: Log;
}): Promise<void> {
  const { queue, blobs, workspace, log } = parts;
  const lost = await queue.reclaimExpired(Infinity, POISON);
  const deleted = await queue.markedDeleted();
  // Failing to remove something is harmless: it is already hidden, and the cleanup retries it.
  const removing = async (where: Record<string, string>, remove: () => Promise<void>): Promise<number> => {
    try {
      await remove();
      return 1;
    } catch (error) {
      log.warn({ ...where, err: error }, 'files left by the last run could not be removed');
      return 0;
    }
  };
  let erased = 0;
  for (const task of deleted) {
    erased += await removing({ taskId: task.taskId }, async () => {
      await eraseTask(queue, blobs, task);
    });
  }
  await removing({ what: 'scratch folders' }, () => workspace.scratch.clear());
  let swept = 0;
  for (const key of [...(await strayUploads(queue, blobs)), ...(await strayResults(queue, blobs))]) {
    swept += await removing({ key }, () => blobs.remove(key));
  }
  log.info(
    { lost: lost.length, failed: lost.filter(hasFailed).length, deleted: erased, swept },
    'startup recovery finished',
  );
}

const hasFailed = ({ status }: LostAttempt) => status === 'failed';

async function strayUploads(queue: TaskQueue, blobs: Pick<BlobStore, 'list'>): Promise<string[]> {
  const strays: string[] = [];
  for (const inputId of await blobs.list(layout.uploads)) {
    if (!(await queue.hasInput(inputId))) strays.push(layout.input(inputId));
  }
  return strays;
}

/** Everything in the results folder but the completing attempts of completed tasks. */
async function strayResults(queue: TaskQueue, blobs: Pick<BlobStore, 'list'>): Promise<string[]> {
  const strays: string[] = [];
  for (const taskId of await blobs.list(layout.results)) {
    const current = await queue.statusOf(taskId);
    if (current?.status !== 'completed') strays.push(layout.task(taskId));
    else
      for (const name of await blobs.list(layout.task(taskId)))
        if (name !== String(current.attempt)) strays.push(`${layout.task(taskId)}/${name}`);
  }
  return strays;
}
