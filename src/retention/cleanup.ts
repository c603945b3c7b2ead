import { isFullDisk } from '../disk/fullDisk.ts';
import { layout } from '../blobs/layout.ts';
import type { ExpiryQuery } from '../queue/taskQueue.ts';
import type { Task } from '../tasks/task.ts';
import type { EndedStatus } from '../tasks/taskState.ts';
import { sweepOrphans, type StepCounts, type SweepParts } from './orphans.ts';

/** How long things are kept after the end of their task, in milliseconds. */
export interface Retention {
  /** Upload and stems of a completed task. */
  completedMs: number;
  /** Upload and partial output of a failed or cancelled task. */
  failedMs: number;
  /** The task itself, with whatever is left of it; not shorter than the two above. */
  metadataMs: number;
}

/** Dependencies of a cleanup pass. */
export interface CleanupParts extends SweepParts {
  retention: Retention;
}

/** Periodically removes data whose retention time is over. */
export interface Cleanup {
  /** Runs a pass immediately and then once per interval. */
  start(): void;
  /** Stops after the current file; starts no further pass. */
  stop(): Promise<void>;
}

/** Tasks marked per transaction, small enough that concurrent requests wait only milliseconds. */
const PAGE = 100;
const HOUR_MS = 3_600_000;
const SHORTEST_INTERVAL_MS = 1_000;

const FILE_STEPS: { status: EndedStatus; kept: 'completedMs' | 'failedMs' }[] = [
  { status: 'completed', kept: 'completedMs' },
  { status: 'failed', kept: 'failedMs' },
  { status: 'cancelled', kept: 'failedMs' },
];

/** One hour, or the shortest retention time if that is less. */
export function cleanupInterval({ completedMs, failedMs, metadataMs }: Retention): number {
  return Math.max(SHORTEST_INTERVAL_MS, Math.min(HOUR_MS, completedMs, failedMs, metadataMs));
}

/** Creates the cleanup. A pass starts `everyMs` after the previous one started, unless that is still running. */
export function createCleanup(parts: CleanupParts, everyMs: number): Cleanup {
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let pass: Promise<void> | undefined;
  const begin = () => {
    pass ??= cleanUp(parts, stopping.signal).finally(() => {
      pass = undefined;
    });
  };
  return {
    start() {
      timer = setInterval(begin, everyMs).unref();
      begin();
    },
    async stop() {
      clearInterval(timer);
      stopping.abort();
      await pass;
    },
  };
}

/**
 * Runs one pass. Only ended tasks are touched. The row is marked before its files are removed, so that no client is
 * sent to a half-removed file. Never throws: whatever fails is retried by the next pass.
 */
export async function cleanUp(parts: CleanupParts, signal: AbortSignal): Promise<void> {
  const { queue, retention, clock, log } = parts;
  const step = async (name: string, work: () => Promise<StepCounts>) => {
    if (signal.aborted) return;
    try {
      const counts = await work();
      const didSomething = counts.removed + counts.failed > 0;
      log[didSomething ? 'info' : 'debug']({ step: name, ...counts }, 'a step of the cleanup ended');
    } catch (error) {
      log.error({ step: name, err: error }, 'a cleanup step failed');
    }
  };
  const before = (keptMs: number) => ({ endedBefore: clock.now() - keptMs, limit: PAGE });

  await step('tasks', () => {
    const query = before(retention.metadataMs);
    const next = marking(parts, query, (page) => queue.retire(page));
    return removePages(parts, signal, next, (task) => queue.erase(task.taskId));
  });
  for (const { status, kept } of FILE_STEPS) {
    await step(`files of ${status} tasks`, () => {
      const query = { ...before(retention[kept]), status };
      const next = marking(parts, query, (page) => queue.expire(page));
      return removePages(parts, signal, next, (task) => queue.markFilesRemoved(task.taskId));
    });
  }
  await step('deleted tasks', async () => {
    const marked = [await queue.markedDeleted()];
    const next = () => Promise.resolve(marked.pop() ?? []);
    return removePages(parts, signal, next, (task) => queue.erase(task.taskId));
  });
  await step('events', async () => ({ removed: await forgetDeletions(parts, signal), failed: 0 }));
  await step('orphans', () => sweepOrphans(parts, signal));
}

/**
 * Marks tasks page by page. If the disk is too full even for the mark, the files are removed first; their retention
 * time is over, so no client is entitled to them.
 */
function marking<Query extends Omit<ExpiryQuery, 'after'> & { status?: EndedStatus }>(
  { queue, blobs, running }: CleanupParts,
  query: Query,
  mark: (page: Query & ExpiryQuery) => Promise<Task[]>,
): (after: ExpiryQuery['after']) => Promise<Task[]> {
  return async (after) => {
    const page = { ...query, after };
    try {
      return await mark(page);
    } catch (error) {
      if (!isFullDisk(error)) throw error;
      for (const task of await queue.ended(page)) {
        if (!running.has(task.taskId)) await removeFiles(blobs, task);
      }
      return mark(page);
    }
  };
}

/** Drops `task.deleted` events older than the metadata retention. */
async function forgetDeletions(
  { queue, retention, clock }: CleanupParts,
  signal: AbortSignal,
): Promise<number> {
  let forgotten = 0;
  for (;;) {
    const count = await queue.forgetDeletions(clock.now() - retention.metadataMs, PAGE);
    forgotten += count;
    if (count < PAGE || signal.aborted) return forgotten;
  }
}

async function removeFiles(blobs: CleanupParts['blobs'], task: Task): Promise<void> {
  await blobs.remove(layout.task(task.taskId));
  await blobs.remove(layout.input(task.mixture.inputId));
}

/** Removes the files of marked tasks page by page and records each as done. */
async function removePages(
  { blobs, running, log }: CleanupParts,
  signal: AbortSignal,
  nextPage: (after: ExpiryQuery['after']) => Promise<Task[]>,
  done: (task: Task) => Promise<void>,
): Promise<StepCounts> {
  const counts = { removed: 0, failed: 0 };
  let page: Task[] = [];
  do {
    page = await nextPage(page.at(-1));
    for (const task of page) {
      if (signal.aborted) return counts;
      // Cancelled, but its worker has not stopped writing yet.
      if (running.has(task.taskId)) continue;
      try {
        await removeFiles(blobs, task);
        await done(task);
        counts.removed += 1;
      } catch (error) {
        counts.failed += 1;
        log.warn({ taskId: task.taskId, err: error }, 'an expired task could not be removed');
      }
    }
  } while (page.length === PAGE);
  return counts;
}
