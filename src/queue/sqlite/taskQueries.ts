import { and, asc, count, desc, eq, gt, inArray, isNull, lt, lte, or, sql } from 'drizzle-orm';
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import type { Clock } from '../../clock.ts';
import { passesOf } from '../../contract/options.ts';
import { stepAt } from '../../tasks/plan.ts';
import type { Task } from '../../tasks/task.ts';
import { attempts, counters, inputs, stems, tasks } from './schema.ts';
import { attemptRow, pendingTask, readTask, selectTasks, taskOfKey, toTask } from './taskRows.ts';
import type { ReadMemo } from './readMemo.ts';
import { LONGEST_RETRY_DELAY_MS, type DeviceFailure, type TaskQueue } from '../taskQueue.ts';
import { asPromise } from './transaction.ts';

const RECENT_TASKS = 50;

/** The read-only queue methods. */
export function taskQueries(
  db: BetterSQLite3Database,
  memo: ReadMemo,
  clock: Clock,
): Pick<
  TaskQueue,
  | 'find'
  | 'findByKey'
  | 'page'
  | 'queuePosition'
  | 'queuePositions'
  | 'countByStatus'
  | 'totals'
  | 'candidates'
  | 'nextPending'
  | 'stemsOf'
  | 'hasInput'
  | 'statusOf'
  | 'recentThroughputs'
> {
  // Every poll runs these two: prepared once, they take a twentieth of the time.
  const findTask = selectTasks(
    db,
    and(eq(tasks.taskId, sql.placeholder('taskId')), isNull(tasks.deletedAt)),
  ).prepare();
  const countUpTo = db
    .select({ n: count() })
    .from(tasks)
    .where(and(pendingTask(), lte(tasks.seq, sql.placeholder('seq'))))
    .prepare();

  return {
    find: (taskId, owner) =>
      asPromise(() => {
        const task = memo.read(`task ${taskId}`, () => {
          const rows = findTask.get({ taskId });
          return rows && toTask(rows);
        });
        return task?.owner === owner ? task : undefined;
      }),

    findByKey: (idempotencyKey, owner) => asPromise(() => readTask(db, taskOfKey(idempotencyKey, owner))),

    queuePosition: (seq) =>
      asPromise(() => memo.read(`position ${String(seq)}`, () => countUpTo.get({ seq })?.n ?? 0)),

    queuePositions: (seqs) =>
      asPromise(() => {
        if (seqs.length === 0) return new Map();
        // Numbers all pending tasks in one pass, however many positions are requested.
        const waiting = db
          .select({
            seq: tasks.seq,
            position: sql<number>`row_number() OVER (ORDER BY ${tasks.seq})`.as('position'),
          })
          .from(tasks)
          .where(and(pendingTask(), lte(tasks.seq, Math.max(...seqs))))
          .as('waiting');
        const rows = db
          .select()
          .from(waiting)
          .where(inArray(waiting.seq, [...seqs]))
          .all();
        return new Map(rows.map(({ seq, position }) => [seq, position]));
      }),

    page: ({ owner, status, before, limit }) =>
      asPromise(() =>
        selectTasks(
          db,
          and(
            sql`${tasks.owner} IS ${owner}`,
            isNull(tasks.deletedAt),
            status && eq(tasks.status, status),
            before === undefined ? undefined : lt(tasks.seq, before),
          ),
        )
          .orderBy(desc(tasks.seq))
          .limit(limit)
          .all()
          .map(toTask),
      ),

    countByStatus: () =>
      asPromise(() => {
        const rows = db
          .select({ status: tasks.status, n: count() })
          .from(tasks)
          .where(isNull(tasks.deletedAt))
          .groupBy(tasks.status)
          .all();
        const counts = { pending: 0, processing: 0, completed: 0, failed: 0, cancelled: 0 };
        for (const row of rows) counts[row.status] = row.n;
        return counts;
      }),

    totals: () =>
      asPromise(() => {
        const rows = new Map(
          db
            .select()
            .from(counters)
            .all()
            .map((row) => [row.name, row.value]),
        );
        const total = (name: string) => rows.get(name) ?? 0;
        return {
          completed: total('tasks_completed'),
          failed: total('tasks_failed'),
          cancelled: total('tasks_cancelled'),
          processingSeconds: total('processing_seconds'),
        };
      }),

    candidates: ({ after, limit }) =>
      asPromise(() =>
        selectTasks(
          db,
          and(pendingTask(), mayStart(clock.now()), after === undefined ? undefined : gt(tasks.seq, after)),
        )
          .orderBy(asc(tasks.seq))
          .limit(limit)
          .all()
          .map(toTask)
          .map((task) => ({ task, lastFailure: lastFailure(db, task) })),
      ),

    nextPending: (limit) =>
      asPromise(() =>
        selectTasks(db, and(pendingTask(), isNull(tasks.notBefore)))
          .orderBy(asc(tasks.seq))
          .limit(limit)
          .all()
          .map(toTask),
      ),

    stemsOf: (task) =>
      asPromise(() =>
        db
          .select()
          .from(stems)
          .where(
            and(eq(stems.taskId, task.taskId), eq(stems.step, task.step), eq(stems.attempt, task.attempt)),
          )
          .orderBy(asc(stems.position))
          .all(),
      ),

    hasInput: (inputId) =>
      asPromise(
        () => db.select({ n: count() }).from(inputs).where(eq(inputs.inputId, inputId)).get()?.n === 1,
      ),

    statusOf: (taskId) =>
      asPromise(() =>
        db
          .select({ status: tasks.status, step: tasks.step, attempt: tasks.attempt })
          .from(tasks)
          .where(and(eq(tasks.taskId, taskId), isNull(tasks.deletedAt)))
          .get(),
      ),

    recentThroughputs: () =>
      asPromise(() =>
        db
          .select({
            plan: tasks.plan,
            seconds: tasks.processingSeconds,
            audio: inputs.durationSeconds,
            step: attempts.step,
            device: attempts.device,
          })
          .from(tasks)
          .innerJoin(inputs, eq(tasks.inputId, inputs.inputId))
          .innerJoin(
            attempts,
            and(
              eq(attempts.taskId, tasks.taskId),
              eq(attempts.step, tasks.step),
              eq(attempts.attempt, tasks.attempt),
            ),
          )
          .where(eq(tasks.status, 'completed'))
          .orderBy(desc(tasks.seq))
          .limit(RECENT_TASKS)
          .all()
          .map(({ plan, step, device, seconds, audio }) => {
            const { model, version, options } = stepAt(plan, step);
            return {
              modelType: model,
              modelVersion: version ?? null,
              device,
              workSeconds: seconds ?? 0,
              audioSeconds: audio * passesOf(options),
            };
          }),
      ),
  };
}

/** A `notBefore` beyond the longest retry delay was written before the clock was set back and is ignored. */
const mayStart = (now: number) =>
  or(isNull(tasks.notBefore), lte(tasks.notBefore, now), gt(tasks.notBefore, now + LONGEST_RETRY_DELAY_MS));

/** The worker failure that ended a task's last attempt; undefined if it ended otherwise or there was none. */
function lastFailure(db: BetterSQLite3Database, task: Task): DeviceFailure | undefined {
  // Most tasks never fail: skip the query.
  if (task.failures === 0) return undefined;
  const row = db
    .select({ device: attempts.device, outcome: attempts.outcome })
    .from(attempts)
    .where(attemptRow(task))
    .get();
  const outcome = row?.outcome;
  if (outcome !== 'worker_died' && outcome !== 'device_failed' && outcome !== 'hung') return undefined;
  return { device: row?.device ?? '', outcome };
}
