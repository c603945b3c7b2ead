import type { Log } from '../log.ts';
import type { FileStore } from '../store/fileStore.ts';
import { layout } from '../store/layout.ts';
import type { LostAttempt, PoisonRule, TaskStore } from '../store/taskStore.ts';
import { logStatus } from '../tasks/statusLog.ts';

/** What takes the server down start after start must end some time; a kill that hit it by chance costs nothing. */
const POISON: PoisonRule = {
  deathsInARow: 3,
  failure: {
    code: 'WORKER_CRASHED',
    message:
      'The server itself ended without warning three times in a row while it worked on this task, so it is not ' +
      'tried again. Submit it again if the server was stopped for another reason, as a power cut.',
  },
};

/**
 * Mends what the server that ran here before left behind: interrupted tasks are pending again, or have failed
 * when that happened too often in a row; deletions are carried out, and files that no row names are removed.
 * Runs before any attempt starts.
 */
export async function recover(parts: { store: TaskStore; files: FileStore; log: Log }): Promise<void> {
  const { store, files, log } = parts;
  const lost = await store.requeueLost(POISON);
  for (const { taskId, attempt, status } of lost) {
    const ended = { attempt, outcome: 'server_died' };
    if (status === 'pending') logStatus(log, taskId, 'requeued', ended);
    else logStatus(log, taskId, 'failed', { ...ended, failure: POISON.failure });
  }
  const deleted = await store.markedDeleted();
  for (const task of deleted) {
    await files.remove(layout.task(task.taskId));
    await files.remove(layout.input(task.mixture.inputId));
    await store.erase(task.taskId);
  }
  await files.createFolder(layout.scratch);
  const swept = (await sweepUploads(store, files)) + (await sweepResults(store, files));
  log.info(
    { lost: lost.length, failed: lost.filter(hasFailed).length, deleted: deleted.length, swept },
    'what the last run left was put in order',
  );
}

const hasFailed = ({ status }: LostAttempt) => status === 'failed';

async function sweepUploads(store: TaskStore, files: FileStore): Promise<number> {
  let swept = 0;
  for (const inputId of await files.list(layout.uploads)) {
    if (await store.hasInput(inputId)) continue;
    await files.remove(layout.input(inputId));
    swept += 1;
  }
  return swept;
}

/** Of a completed task only the attempt that completed it stays; of every other task nothing. */
async function sweepResults(store: TaskStore, files: FileStore): Promise<number> {
  let swept = 0;
  for (const taskId of await files.list(layout.results)) {
    const fate = await store.fate(taskId);
    const kept = fate?.status === 'completed' ? String(fate.attempt) : undefined;
    const attempts = kept === undefined ? [] : await files.list(layout.task(taskId));
    const strays =
      kept === undefined
        ? [layout.task(taskId)]
        : attempts.filter((name) => name !== kept).map((name) => `${layout.task(taskId)}/${name}`);
    for (const key of strays) await files.remove(key);
    swept += strays.length;
  }
  return swept;
}
