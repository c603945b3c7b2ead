import { and, eq, inArray, isNull, max, sql, type SQL } from 'drizzle-orm';
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import type { Clock } from '../../clock.ts';
import type { Task } from '../../tasks/task.ts';
import type { EventFacts, TaskEvent, TaskEvents, TaskEventType } from '../../tasks/taskEvent.ts';
import { statusesBefore, type TaskStatus } from '../../tasks/taskState.ts';
import { events, tasks } from './schema.ts';
import { readTask } from './taskRows.ts';
import type { Write } from './transaction.ts';

/** A transaction that changes the status of tasks. */
export interface Transition {
  tx: BetterSQLite3Database;
  /** The timestamp of all changes in the transaction, in milliseconds since the epoch. */
  now: number;
  /** Writes the event of a change; it is announced after the commit. */
  note: (type: TaskEventType, task: Task, facts?: EventFacts) => void;
}

/** Runs a transition. An exception rolls back the changes and their events. */
export type RunTransition = <T>(body: (transition: Transition) => T) => Promise<T>;

/** Creates the runner. Events are written in the transaction of their changes and announced after the commit. */
export function createTransitions(
  write: Write,
  announcing: Pick<TaskEvents, 'announce'>,
  clock: Clock,
): RunTransition {
  return async (body) => {
    let noted: TaskEvent[] = [];
    const result = await write((tx) => {
      const now = clock.now();
      // Reset on every run: a transaction that found the disk full is retried.
      noted = [];
      return body({
        tx,
        now,
        note(type, task, facts = {}) {
          const number = insertEvent(tx, type, task, now);
          noted.push({ type, number, at: now, task, facts });
        },
      });
    });
    for (const event of noted) announcing.announce(event);
    return result;
  };
}

function insertEvent(tx: BetterSQLite3Database, type: TaskEventType, task: Task, at: number): number {
  const { taskId, step, attempt } = task;
  const owner = task.owner ?? '';
  const last = tx
    .select({ number: max(events.number) })
    .from(events)
    .where(eq(events.owner, owner))
    .get();
  const number = (last?.number ?? 0) + 1;
  tx.insert(events).values({ owner, number, taskId, type, step, attempt, at }).run();
  return number;
}

const EVENT_OF: Record<TaskStatus, TaskEventType> = {
  pending: 'task.requeued',
  processing: 'task.started',
  completed: 'task.completed',
  failed: 'task.failed',
  cancelled: 'task.cancelled',
};

/**
 * Moves a task to a status, only from one that may precede it. Every status change goes through here.
 *
 * @param where further conditions beside the task's id
 * @returns the updated task; undefined when nothing was changed
 */
export function move(
  { tx, note }: Transition,
  to: TaskStatus,
  taskId: string,
  where: SQL | undefined,
  values: Partial<typeof tasks.$inferInsert>,
  facts?: EventFacts,
): Task | undefined {
  const { changes } = tx
    .update(tasks)
    .set({ ...values, status: to, version: sql`${tasks.version} + 1` })
    .where(
      and(
        eq(tasks.taskId, taskId),
        where,
        inArray(tasks.status, statusesBefore(to)),
        isNull(tasks.deletedAt),
      ),
    )
    .run();
  if (changes === 0) return undefined;
  const task = readTask(tx, eq(tasks.taskId, taskId));
  if (!task) throw new Error('a task that was just written is not there');
  note(EVENT_OF[to], task, facts);
  return task;
}
