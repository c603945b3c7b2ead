import type { Workspace } from '../../blobs/workspace.ts';
import type { Log } from '../../log/log.ts';
import type { TaskQueue } from '../../queue/taskQueue.ts';
import { stagedBytes } from '../../tasks/resources/taskMemory.ts';
import type { Task } from '../../tasks/task.ts';
import { ChildFailure } from '../../workers/process/childErrors.ts';
import type { MediaPool } from '../../workers/media/mediaPool.ts';

/** A mixture decoded into a WAV that MSST can read. */
export interface StagedMixture {
  path: string;
  /** What was written, not what the probe counted; a warning says what is missing. */
  durationSeconds: number;
  warnings: string[];
}

/**
 * Stages mixtures that libsndfile does not read whole before a worker is leased for them, so that no GPU waits for
 * FFmpeg: of the next task at once, and of those after it while the workers are busy.
 */
export interface Staging {
  /**
   * Whether a task's mixture is as ready as it will be: it needs no staging, is staged, or could not be staged; the
   * attempt then fails with the reason. Begins to stage it otherwise, and `onReady` follows.
   */
  isReady(task: Task): boolean;
  /** Whether a waiting task's mixture is being staged. */
  isBusy(): boolean;
  /** Stages the mixtures of the next tasks in the queue. Only a hint: one that is not staged ahead is staged later. */
  lookAhead(): void;
  /** The staged mixture of a waiting task, if it has one. */
  find(taskId: string): StagedMixture | undefined;
  /**
   * Gives an attempt its staged mixture, staging it first if need be. It must be released when the attempt has ended.
   *
   * @throws {ChildFailure} INVALID_AUDIO or CANCELLED
   * @throws {StagingHung}
   */
  stage(task: Task, signal: AbortSignal): Promise<StagedMixture>;
  /** Removes the staged mixture, once the attempt has ended. */
  release(taskId: string): Promise<void>;
  /** The task was cancelled or deleted: stops staging its mixture and removes it, unless an attempt has it. */
  abandon(taskId: string): void;
  /** Whether the task has a staged mixture, or will have one. */
  has(taskId: string): boolean;
  /** Cancels all staging that no attempt waits for and starts no other. What is staged is left to the next start. */
  stop(): void;
}

interface Entry {
  controller: AbortController;
  work: Promise<StagedMixture>;
  /** Null: it could not be staged. Undefined: it is being staged. */
  outcome: StagedMixture | null | undefined;
  isTaken: boolean;
}

/** Creates it. */
export function createStaging(parts: {
  queue: Pick<TaskQueue, 'nextPending'>;
  workspace: Pick<Workspace, 'localPath' | 'openStaged' | 'removeStaged' | 'freeBytes'>;
  media: Pick<MediaPool, 'stage'>;
  /** As many mixtures are staged at once as there are workers. */
  workers: () => number;
  /** Disk space that nothing is staged ahead into, in bytes. */
  reserveDiskBytes: number;
  /** A task has become ready. */
  onReady: () => void;
  log: Pick<Log, 'warn'>;
}): Staging {
  const { queue, workspace, media, log } = parts;
  const entries = new Map<string, Entry>();
  let isStopped = false;

  const atMost = () => Math.max(1, parts.workers());
  const hasRoom = () =>
    !isStopped && [...entries.values()].filter(({ outcome }) => outcome === undefined).length < atMost();

  const run = async (task: Task, attempt: number, signal: AbortSignal): Promise<StagedMixture> => {
    const { taskId, mixture } = task;
    const path = await workspace.openStaged(taskId);
    const staged = await media.stage(
      {
        task_id: taskId,
        attempt,
        path: await workspace.localPath(mixture.storageKey),
        container: mixture.container,
        duration_seconds: mixture.durationSeconds,
        output_path: path,
      },
      signal,
    );
    return { path, durationSeconds: staged.duration_seconds, warnings: staged.warnings };
  };

  const begin = (task: Task, attempt: number, { isAhead = false } = {}): Entry => {
    const controller = new AbortController();
    const work = run(task, attempt, controller.signal);
    const entry: Entry = { controller, work, outcome: undefined, isTaken: false };
    entries.set(task.taskId, entry);
    void work
      .then(
        (staged) => {
          entry.outcome = staged;
        },
        (error: unknown) => {
          entry.outcome = null;
          // There may be room when it is the task's turn.
          if (isAhead && isFullDisk(error)) abandon(task.taskId);
        },
      )
      .finally(parts.onReady);
    return entry;
  };

  const release = async (taskId: string): Promise<void> => {
    const entry = entries.get(taskId);
    if (!entry) return;
    entries.delete(taskId);
    entry.controller.abort();
    await workspace.removeStaged(taskId);
  };

  const abandon = (taskId: string): void => {
    if (entries.get(taskId)?.isTaken !== false) return;
    release(taskId).catch((error: unknown) => {
      // The cleanup removes it.
      log.warn({ taskId, err: error }, 'a staged mixture could not be removed');
    });
  };

  const lookAhead = async (): Promise<void> => {
    if (!hasRoom()) return;
    const next = (await queue.nextPending(atMost())).filter(
      (task) => task.mixture.stagingReason !== null && !entries.has(task.taskId),
    );
    if (next.length === 0) return;
    let free = (await workspace.freeBytes()) - parts.reserveDiskBytes;
    for (const task of next) {
      const bytes = stagedBytes(task.mixture);
      // The running tasks have stems to write: one that is only ahead never takes the last of the disk.
      if (!hasRoom() || free < 2 * bytes) return;
      free -= bytes;
      if (!entries.has(task.taskId)) begin(task, task.attempt + 1, { isAhead: true });
    }
  };

  return {
    isReady(task) {
      if (task.mixture.stagingReason === null) return true;
      const entry = entries.get(task.taskId);
      if (!entry && hasRoom()) begin(task, task.attempt + 1);
      return entry !== undefined && entry.outcome !== undefined;
    },
    isBusy: () => [...entries.values()].some(({ outcome, isTaken }) => outcome === undefined && !isTaken),
    lookAhead() {
      lookAhead().catch((error: unknown) => {
        log.warn({ err: error }, 'the next mixtures could not be staged');
      });
    },
    find: (taskId) => entries.get(taskId)?.outcome ?? undefined,
    async stage(task, signal) {
      const entry = entries.get(task.taskId) ?? begin(task, task.attempt);
      entry.isTaken = true;
      const cancel = () => {
        entry.controller.abort();
      };
      if (signal.aborted) cancel();
      signal.addEventListener('abort', cancel, { once: true });
      try {
        return await entry.work;
      } finally {
        signal.removeEventListener('abort', cancel);
      }
    },
    release,
    abandon,
    has: (taskId) => entries.has(taskId),
    stop() {
      isStopped = true;
      for (const { controller, isTaken } of entries.values()) if (!isTaken) controller.abort();
    },
  };
}

const isFullDisk = (error: unknown) => error instanceof ChildFailure && error.kind === 'INSUFFICIENT_STORAGE';
