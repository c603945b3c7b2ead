import {
  and,
  asc,
  count,
  desc,
  eq,
  inArray,
  isNotNull,
  isNull,
  lt,
  lte,
  or,
  sql,
  type SQL,
} from 'drizzle-orm';
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import type { Task } from '../tasks/task.ts';
import { canMove, statusesBefore, type EndedStatus, type TaskStatus } from '../tasks/taskState.ts';
import { attempts, counters, inputs, stems, tasks, type AttemptOutcome } from './schema.ts';
import { readTask, selectTasks, toTask } from './taskRows.ts';
import type { AttemptResult, ExpiryQuery, TaskStore } from './taskStore.ts';

type TaskRow = typeof tasks.$inferSelect;

const RECENT_TASKS = 50;

/** The task store on SQLite, through Drizzle. */
export function createSqliteTaskStore(db: BetterSQLite3Database, clock: Clock): TaskStore {
  const write = <T>(body: (tx: BetterSQLite3Database) => T): Promise<T> =>
    settle(() =>
      // Immediate: the write lock is taken at once, so no transaction has to be tried again half-way.
      db.transaction((tx) => body(tx as unknown as BetterSQLite3Database), { behavior: 'immediate' }),
    );

  const visible = (taskId: string, owner: string | null) =>
    and(eq(tasks.taskId, taskId), sql`${tasks.owner} IS ${owner}`, isNull(tasks.deletedAt));

  /** The one way a status is written: only from a status that may precede it. */
  const move = (
    tx: BetterSQLite3Database,
    to: TaskStatus,
    where: SQL | undefined,
    values: Partial<TaskRow>,
  ): boolean =>
    tx
      .update(tasks)
      .set({ ...values, status: to, version: sql`${tasks.version} + 1` })
      .where(and(where, inArray(tasks.status, statusesBefore(to)), isNull(tasks.deletedAt)))
      .run().changes === 1;

  const endAttempt = (tx: BetterSQLite3Database, taskId: string, attempt: number, outcome: AttemptOutcome) =>
    tx
      .update(attempts)
      .set({ endedAt: clock.now(), outcome })
      .where(and(eq(attempts.taskId, taskId), eq(attempts.attempt, attempt), isNull(attempts.outcome)))
      .run();

  const addTo = (tx: BetterSQLite3Database, name: string, amount: number) =>
    tx
      .insert(counters)
      .values({ name, value: amount })
      .onConflictDoUpdate({ target: counters.name, set: { value: sql`${counters.value} + ${amount}` } })
      .run();

  const currentAttempt = (taskId: string, attempt: number) =>
    and(eq(tasks.taskId, taskId), eq(tasks.attempt, attempt), eq(tasks.status, 'processing'));

  const burn = (burnt: boolean) =>
    burnt ? { failures: sql`${tasks.failures} + 1` as unknown as number } : {};

  return {
    accept: (task, maxPending) =>
      write((tx) => {
        const waiting = tx.select({ n: count() }).from(tasks).where(pendingTask()).get()?.n ?? 0;
        if (waiting >= maxPending) {
          throw new AppError(
            'QUEUE_FULL',
            `The queue is full: ${String(waiting)} tasks are waiting. Try again later.`,
          );
        }
        const now = clock.now();
        tx.insert(inputs)
          .values({ ...task.mixture, owner: task.owner, createdAt: now })
          .run();
        tx.insert(tasks)
          .values({
            taskId: task.taskId,
            owner: task.owner,
            inputId: task.mixture.inputId,
            plan: { v: 1, steps: [{ model: task.modelType, options: task.options }] },
            status: 'pending',
            warnings: [...task.warnings],
            createdAt: now,
          })
          .run();
        return mustRead(readTask(tx, eq(tasks.taskId, task.taskId)));
      }),

    find: (taskId, owner) => settle(() => readTask(db, visible(taskId, owner))),

    page: ({ owner, status, before, limit }) =>
      settle(() =>
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

    queuePosition: (seq) =>
      settle(
        () =>
          db
            .select({ n: count() })
            .from(tasks)
            .where(and(pendingTask(), lte(tasks.seq, seq)))
            .get()?.n ?? 0,
      ),

    countByStatus: () =>
      settle(() => {
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
      settle(() => {
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

    claimNext: (worker) =>
      write((tx) => {
        const now = clock.now();
        const next = tx
          .select({ taskId: tasks.taskId, attempt: tasks.attempt })
          .from(tasks)
          .where(and(pendingTask(), or(isNull(tasks.notBefore), lte(tasks.notBefore, now))))
          .orderBy(asc(tasks.seq))
          .limit(1)
          .get();
        if (!next) return undefined;
        const attempt = next.attempt + 1;
        move(tx, 'processing', eq(tasks.taskId, next.taskId), {
          attempt,
          claimedBy: worker.id,
          startedAt: now,
          notBefore: null,
        });
        tx.insert(attempts)
          .values({ taskId: next.taskId, attempt, worker: worker.id, device: worker.device, startedAt: now })
          .run();
        return readTask(tx, eq(tasks.taskId, next.taskId));
      }),

    nextNotBefore: () =>
      settle(
        () =>
          db
            .select({ at: sql<number | null>`min(${tasks.notBefore})` })
            .from(tasks)
            .where(pendingTask())
            .get()?.at ?? undefined,
      ),

    finish: (taskId, attempt, result) =>
      write((tx) => {
        const failed = result.status === 'failed';
        const moved = move(tx, result.status, currentAttempt(taskId, attempt), {
          completedAt: clock.now(),
          claimedBy: null,
          processingSeconds: result.processingSeconds,
          ...(failed
            ? {
                failureCode: result.failure.code,
                failureMessage: result.failure.message,
                ...burn(result.burnt),
              }
            : {}),
        });
        if (!moved) return false;
        endAttempt(tx, taskId, attempt, result.status);
        addTo(tx, `tasks_${result.status}`, 1);
        if (!failed) {
          publish(tx, taskId, attempt, result);
          addTo(tx, 'processing_seconds', result.processingSeconds);
        }
        return true;
      }),

    requeue: (taskId, attempt, { outcome, burnt, notBefore }) =>
      write((tx) => {
        const moved = move(tx, 'pending', currentAttempt(taskId, attempt), {
          claimedBy: null,
          startedAt: null,
          notBefore,
          ...burn(burnt),
        });
        if (moved) endAttempt(tx, taskId, attempt, outcome);
        return moved;
      }),

    requeueLost: () =>
      write((tx) => {
        const lost = tx
          .select({ taskId: tasks.taskId, attempt: tasks.attempt })
          .from(tasks)
          .where(eq(tasks.status, 'processing'))
          .all();
        for (const { taskId, attempt } of lost) {
          move(tx, 'pending', currentAttempt(taskId, attempt), { claimedBy: null, startedAt: null });
          endAttempt(tx, taskId, attempt, 'server_died');
        }
        return lost;
      }),

    cancel: (taskId, owner) =>
      write((tx) => {
        const task = readTask(tx, visible(taskId, owner));
        if (!task) return undefined;
        if (!canMove(task.status, 'cancelled')) return 'ended';
        const now = clock.now();
        move(tx, 'cancelled', eq(tasks.taskId, taskId), {
          completedAt: now,
          cancelRequestedAt: now,
          claimedBy: null,
        });
        endAttempt(tx, taskId, task.attempt, 'cancelled');
        addTo(tx, 'tasks_cancelled', 1);
        return mustRead(readTask(tx, eq(tasks.taskId, taskId)));
      }),

    markDeleted: (taskId, owner) =>
      write((tx) => {
        const task = readTask(tx, visible(taskId, owner));
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
        // The plus keeps SQLite from the index on status, with which it would sort every ended task for a page.
        const retired = selectEnded(tx, sql`+${tasks.status} IN ${ENDED}`, query);
        tx.update(tasks)
          .set({ deletedAt: clock.now() })
          .where(and(inArray(tasks.taskId, idsOf(retired)), isNull(tasks.deletedAt)))
          .run();
        return retired;
      }),

    stemsOf: (task) =>
      settle(() =>
        db
          .select()
          .from(stems)
          .where(and(eq(stems.taskId, task.taskId), eq(stems.attempt, task.attempt)))
          .orderBy(asc(stems.step), asc(stems.position))
          .all(),
      ),

    hasInput: (inputId) =>
      settle(() => db.select({ n: count() }).from(inputs).where(eq(inputs.inputId, inputId)).get()?.n === 1),

    fate: (taskId) =>
      settle(() =>
        db
          .select({ status: tasks.status, attempt: tasks.attempt })
          .from(tasks)
          .where(and(eq(tasks.taskId, taskId), isNull(tasks.deletedAt)))
          .get(),
      ),

    recentPaces: () =>
      settle(() =>
        db
          .select({
            plan: tasks.plan,
            seconds: tasks.processingSeconds,
            audio: inputs.durationSeconds,
            device: attempts.device,
          })
          .from(tasks)
          .innerJoin(inputs, eq(tasks.inputId, inputs.inputId))
          .innerJoin(attempts, and(eq(attempts.taskId, tasks.taskId), eq(attempts.attempt, tasks.attempt)))
          .where(eq(tasks.status, 'completed'))
          .orderBy(desc(tasks.seq))
          .limit(RECENT_TASKS)
          .all()
          .map((row) => ({
            modelType: row.plan.steps[0]?.model ?? '',
            device: row.device,
            realTimeFactor: (row.seconds ?? 0) / row.audio,
          })),
      ),
  };
}

const pendingTask = () => and(eq(tasks.status, 'pending'), isNull(tasks.deletedAt));

const ENDED: EndedStatus[] = ['completed', 'failed', 'cancelled'];

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

function publish(
  tx: BetterSQLite3Database,
  taskId: string,
  attempt: number,
  result: Extract<AttemptResult, { status: 'completed' }>,
): void {
  tx.insert(stems)
    .values(result.stems.map((stem, position) => ({ ...stem, taskId, attempt, step: 0, position })))
    .run();
  const row = tx.select({ warnings: tasks.warnings }).from(tasks).where(eq(tasks.taskId, taskId)).get();
  tx.update(tasks)
    .set({ warnings: [...(row?.warnings ?? []), ...result.warnings] })
    .where(eq(tasks.taskId, taskId))
    .run();
}

function mustRead(task: Task | undefined): Task {
  if (!task) throw new Error('a task that was just written is not there');
  return task;
}

/** Runs a synchronous call so that what it throws becomes a rejection, as with a remote database. */
function settle<T>(body: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(body());
  });
}
