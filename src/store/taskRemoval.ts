import { and, asc, count, eq, inArray, isNotNull, isNull, lt, sql, type SQL } from 'drizzle-orm';
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import type { Clock } from '../clock.ts';
import type { Task } from '../tasks/task.ts';
import type { EndedStatus } from '../tasks/taskState.ts';
import { attempts, inputs, stems, tasks } from './schema.ts';
import { readTask, selectTasks, toTask, visibleTask } from './taskRows.ts';
import type { ExpiryQuery, TaskStore } from './taskStore.ts';
import { settle, type Write } from './transaction.ts';

/** What takes tasks, or their files, out of sight and then away. */
export function taskRemoval(
  db: BetterSQLite3Database,
  write: Write,
  clock: Clock,
): Pick<
  TaskStore,
  'markDeleted' | 'markedDeleted' | 'erase' | 'ended' | 'expire' | 'markFilesRemoved' | 'retire'
> {
  return {
    markDeleted: (taskId, owner) =>
      write((tx) => {
        const task = readTask(tx, visibleTask(taskId, owner));
        if (!task) return undefined;
        tx.update(tasks).set({ deletedAt: clock.now() }).where(eq(tasks.taskId, taskId)).run();
        return task;
      }),

    markedDeleted: () => settle(() => selectTasks(db, isNotNull(tasks.deletedAt)).all().map(toTask)),

    erase: (taskId) =>
      write((tx) => {
        const row = tx.select().from(tasks).where(eq(tasks.taskId, taskId)).get();
        if (!row) return;
        tx.delete(stems).where(eq(stems.taskId, taskId)).run();
        tx.delete(attempts).where(eq(attempts.taskId, taskId)).run();
        tx.delete(tasks).where(eq(tasks.taskId, taskId)).run();
        const users =
          tx.select({ n: count() }).from(tasks).where(eq(tasks.inputId, row.inputId)).get()?.n ?? 0;
        if (users === 0) tx.delete(inputs).where(eq(inputs.inputId, row.inputId)).run();
      }),

    ended: ({ status, ...query }) =>
      settle(() =>
        selectEnded(
          db,
          status === undefined
            ? anyEnded()
            : and(eq(tasks.status, status), isNull(tasks.filesRemovedAt), isNull(tasks.deletedAt)),
          query,
        ),
      ),

    expire: ({ status, ...query }) =>
      write((tx) => {
        const expired = selectEnded(
          tx,
          and(eq(tasks.status, status), isNull(tasks.filesRemovedAt), isNull(tasks.deletedAt)),
          query,
        );
        tx.update(tasks)
          .set({ filesExpiredAt: clock.now(), version: sql`${tasks.version} + 1` })
          .where(and(inArray(tasks.taskId, idsOf(expired)), isNull(tasks.filesExpiredAt)))
          .run();
        return expired;
      }),

    markFilesRemoved: (taskId) =>
      write((tx) => {
        tx.update(tasks)
          .set({ filesRemovedAt: clock.now() })
          .where(and(eq(tasks.taskId, taskId), isNotNull(tasks.filesExpiredAt)))
          .run();
      }),

    retire: (query) =>
      write((tx) => {
        const retired = selectEnded(tx, anyEnded(), query);
        tx.update(tasks)
          .set({ deletedAt: clock.now() })
          .where(and(inArray(tasks.taskId, idsOf(retired)), isNull(tasks.deletedAt)))
          .run();
        return retired;
      }),
  };
}

const ENDED: EndedStatus[] = ['completed', 'failed', 'cancelled'];

// The plus keeps SQLite from the index on status, with which it would sort every ended task for a page.
const anyEnded = () => sql`+${tasks.status} IN ${ENDED}`;

const idsOf = (page: readonly Task[]) => page.map((task) => task.taskId);

/** A page of ended tasks, in the order of their ends, which the indexes keep. */
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
