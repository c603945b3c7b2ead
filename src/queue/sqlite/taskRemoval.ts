import { and, asc, count, eq, inArray, isNotNull, isNull, lt, ne, sql, type SQL } from 'drizzle-orm';
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import type { Clock } from '../../clock.ts';
import type { Task } from '../../tasks/task.ts';
import type { EventFacts } from '../../tasks/taskEvent.ts';
import type { EndedStatus } from '../../tasks/taskState.ts';
import { attempts, events, inputs, stems, tasks } from './schema.ts';
import { readTask, selectTasks, toTask, visibleTask } from './taskRows.ts';
import type { ExpiryQuery, TaskQueue } from '../taskQueue.ts';
import { asPromise, type Write } from './transaction.ts';
import type { RunTransition, Transition } from './transition.ts';

/** The queue methods that expire, hide and erase tasks and their files. */
export function taskRemoval(
  db: BetterSQLite3Database,
  write: Write,
  transition: RunTransition,
  clock: Clock,
): Pick<
  TaskQueue,
  | 'markDeleted'
  | 'markedDeleted'
  | 'erase'
  | 'ended'
  | 'expire'
  | 'markFilesRemoved'
  | 'retire'
  | 'forgetDeletions'
> {
  return {
    markDeleted: (taskId, owner, facts) =>
      transition((change) => {
        const task = readTask(change.tx, visibleTask(taskId, owner));
        if (task) hide(change, [task], facts);
        return task;
      }),

    markedDeleted: () => asPromise(() => selectTasks(db, isNotNull(tasks.deletedAt)).all().map(toTask)),

    erase: (taskId) =>
      write((tx) => {
        const row = tx.select().from(tasks).where(eq(tasks.taskId, taskId)).get();
        if (!row) return;
        tx.delete(stems).where(eq(stems.taskId, taskId)).run();
        tx.delete(attempts).where(eq(attempts.taskId, taskId)).run();
        // Keep the deletion event for a while, for clients that were disconnected.
        tx.delete(events)
          .where(and(eq(events.taskId, taskId), ne(events.type, 'task.deleted'), isNotTheNewest))
          .run();
        tx.delete(tasks).where(eq(tasks.taskId, taskId)).run();
        const users =
          tx.select({ n: count() }).from(tasks).where(eq(tasks.inputId, row.inputId)).get()?.n ?? 0;
        if (users === 0) tx.delete(inputs).where(eq(inputs.inputId, row.inputId)).run();
      }),

    ended: ({ status, ...query }) =>
      asPromise(() =>
        selectEnded(
          db,
          status === undefined
            ? anyEnded()
            : and(eq(tasks.status, status), isNull(tasks.filesRemovedAt), isNull(tasks.deletedAt)),
          query,
        ),
      ),

    expire: ({ status, ...query }) =>
      transition(({ tx, now, note }) => {
        const where = and(eq(tasks.status, status), isNull(tasks.filesRemovedAt), isNull(tasks.deletedAt));
        const page = selectEnded(tx, where, query);
        const expiring = page.filter((task) => task.filesExpiredAt === null);
        tx.update(tasks)
          .set({ filesExpiredAt: now, version: sql`${tasks.version} + 1` })
          .where(inArray(tasks.taskId, idsOf(expiring)))
          .run();
        for (const task of expiring)
          note('task.expired', { ...task, filesExpiredAt: now, version: task.version + 1 });
        return page;
      }),

    markFilesRemoved: (taskId) =>
      write((tx) => {
        tx.update(tasks)
          .set({ filesRemovedAt: clock.now() })
          .where(and(eq(tasks.taskId, taskId), isNotNull(tasks.filesExpiredAt)))
          .run();
      }),

    retire: (query) =>
      transition((change) => {
        const page = selectEnded(change.tx, anyEnded(), query);
        hide(change, page);
        return page;
      }),

    forgetDeletions: (before, limit) =>
      write((tx) => {
        const old = tx
          .select({ owner: events.owner, number: events.number })
          .from(events)
          .where(and(isDeletion, lt(events.at, before), isNotTheNewest))
          .orderBy(asc(events.at))
          .limit(limit)
          .all();
        for (const { owner, number } of old)
          tx.delete(events)
            .where(and(eq(events.owner, owner), eq(events.number, number)))
            .run();
        return old.length;
      }),
  };
}

/** Marks tasks as deleted and notes an event for each that was not marked before. */
function hide({ tx, now, note }: Transition, page: readonly Task[], facts?: EventFacts): void {
  const hidden = tx
    .update(tasks)
    .set({ deletedAt: now })
    .where(and(inArray(tasks.taskId, idsOf(page)), isNull(tasks.deletedAt)))
    .returning({ taskId: tasks.taskId })
    .all();
  const ids = new Set(hidden.map(({ taskId }) => taskId));
  for (const task of page) if (ids.has(task.taskId)) note('task.deleted', task, facts);
}

/** A literal rather than a parameter: only then does SQLite use the partial index. */
const isDeletion = sql`${events.type} = 'task.deleted'`;

/** Excludes each owner's newest event, from which the next number is derived. */
const isNotTheNewest = sql`${events.number} < (SELECT max(newest.number) FROM ${events} AS newest WHERE newest.owner = ${events.owner})`;

const ENDED: EndedStatus[] = ['completed', 'failed', 'cancelled'];

// The plus stops SQLite from using the index on status, which would make it sort all ended tasks for each page.
const anyEnded = () => sql`+${tasks.status} IN ${ENDED}`;

const idsOf = (page: readonly Task[]) => page.map((task) => task.taskId);

/** Selects a page of ended tasks ordered by end time, which the indexes provide. */
function selectEnded(
  db: BetterSQLite3Database,
  where: SQL | undefined,
  { endedBefore, after, limit }: ExpiryQuery,
): Task[] {
  const behind = after && sql`(${tasks.completedAt}, ${tasks.seq}) > (${after.completedAt}, ${after.seq})`;
  return selectTasks(db, and(where, lt(tasks.completedAt, endedBefore), behind))
    .orderBy(asc(tasks.completedAt), asc(tasks.seq))
    .limit(limit)
    .all()
    .map(toTask);
}
