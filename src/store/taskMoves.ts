import { and, asc, count, desc, eq, gt, inArray, isNull, lte, or, sql, type SQL } from 'drizzle-orm';
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import type { Task } from '../tasks/task.ts';
import { canMove, statusesBefore, type TaskStatus } from '../tasks/taskState.ts';
import { attempts, counters, inputs, stems, tasks, type AttemptOutcome, type Plan } from './schema.ts';
import { pendingTask, readTask, selectTasks, taskOfKey, toTask, visibleTask } from './taskRows.ts';
import {
  LONGEST_RETRY_DELAY_MS,
  type AttemptResult,
  type ClaimingWorker,
  type DeviceFailure,
  type LostAttempt,
  type NewTask,
  type TaskStore,
} from './taskStore.ts';
import type { Write } from './transaction.ts';

type TaskRow = typeof tasks.$inferSelect;

/** What brings a task from one status to the next. */
export function taskMoves(
  { write, writeFreeing }: { write: Write; writeFreeing: Write },
  clock: Clock,
): Pick<TaskStore, 'accept' | 'claimNext' | 'finish' | 'requeue' | 'requeueLost' | 'cancel'> {
  const endAttempt = (tx: BetterSQLite3Database, taskId: string, attempt: number, outcome: AttemptOutcome) =>
    tx
      .update(attempts)
      .set({ endedAt: clock.now(), outcome })
      .where(and(eq(attempts.taskId, taskId), eq(attempts.attempt, attempt), isNull(attempts.outcome)))
      .run();

  return {
    accept: (task, maxPending) =>
      write((tx) => {
        const earlier = earlierOfKey(tx, task);
        if (earlier) return earlier;
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
            plan: { v: 1, steps: [stepOf(task)] },
            status: 'pending',
            warnings: [...task.warnings],
            idempotencyKey: task.idempotencyKey ?? null,
            createdAt: now,
          })
          .run();
        return mustRead(readTask(tx, eq(tasks.taskId, task.taskId)));
      }),

    claimNext: (choose) =>
      write((tx) => {
        const now = clock.now();
        const claim = firstClaim(startableTasks(tx, now), (task) => choose(task, lastFailure(tx, task)));
        if (!claim) return undefined;
        const { task: next, worker } = claim;
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

    requeueLost: ({ deathsInARow, failure }) =>
      writeFreeing((tx) => {
        const lost = tx
          .select({ taskId: tasks.taskId, attempt: tasks.attempt })
          .from(tasks)
          // A deleted one goes with all its rows; its attempt is nobody's any more.
          .where(and(eq(tasks.status, 'processing'), isNull(tasks.deletedAt)))
          .all();
        return lost.map(({ taskId, attempt }): LostAttempt => {
          endAttempt(tx, taskId, attempt, 'server_died');
          if (deathsAtTheEnd(tx, taskId, deathsInARow) < deathsInARow) {
            move(tx, 'pending', currentAttempt(taskId, attempt), { claimedBy: null, startedAt: null });
            return { taskId, attempt, status: 'pending' };
          }
          // How long the last attempt ran, nobody knows: `processingSeconds` stays empty.
          move(tx, 'failed', currentAttempt(taskId, attempt), {
            completedAt: clock.now(),
            claimedBy: null,
            failureCode: failure.code,
            failureMessage: failure.message,
          });
          addTo(tx, 'tasks_failed', 1);
          return { taskId, attempt, status: 'failed' };
        });
      }),

    cancel: (taskId, owner) =>
      writeFreeing((tx) => {
        const task = readTask(tx, visibleTask(taskId, owner));
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
  };
}

const stepOf = ({ modelType, modelVersion, options }: NewTask): Plan['steps'][number] => ({
  model: modelType,
  ...(modelVersion === null ? {} : { version: modelVersion }),
  options,
});

function earlierOfKey(tx: BetterSQLite3Database, { idempotencyKey, owner }: NewTask): Task | undefined {
  return idempotencyKey === undefined ? undefined : readTask(tx, taskOfKey(idempotencyKey, owner));
}

/** No more tasks than these are looked at for one that may pass others. */
const LOOK_AHEAD = 64;

/** Pending tasks whose time has come, in order; the second is only read when the first is passed. */
function* startableTasks(tx: BetterSQLite3Database, now: number): Generator<Task> {
  const where = and(pendingTask(), mayStart(now));
  const inOrder = () => selectTasks(tx, where).orderBy(asc(tasks.seq));
  yield* inOrder().limit(1).all().map(toTask);
  yield* inOrder()
    .limit(LOOK_AHEAD - 1)
    .offset(1)
    .all()
    .map(toTask);
}

function firstClaim(
  candidates: Iterable<Task>,
  choose: (task: Task) => ClaimingWorker | 'pass' | 'wait',
): { task: Task; worker: ClaimingWorker } | undefined {
  for (const task of candidates) {
    const worker = choose(task);
    if (worker === 'wait') return undefined;
    if (worker !== 'pass') return { task, worker };
  }
  return undefined;
}

/** How the last attempt of a task took its worker with it; undefined where it did not, or there was none. */
function lastFailure(tx: BetterSQLite3Database, task: Task): DeviceFailure | undefined {
  // Most tasks never fail, and need not be asked about.
  if (task.failures === 0) return undefined;
  const row = tx
    .select({ device: attempts.device, outcome: attempts.outcome })
    .from(attempts)
    .where(and(eq(attempts.taskId, task.taskId), eq(attempts.attempt, task.attempt)))
    .get();
  const outcome = row?.outcome;
  if (outcome !== 'worker_died' && outcome !== 'device_failed' && outcome !== 'hung') return undefined;
  return { device: row?.device ?? '', outcome };
}

/** How many of a task's last `most` attempts, counted back from the newest without a break, a server's death ended. */
function deathsAtTheEnd(tx: BetterSQLite3Database, taskId: string, most: number): number {
  const newest = tx
    .select({ outcome: attempts.outcome })
    .from(attempts)
    .where(eq(attempts.taskId, taskId))
    .orderBy(desc(attempts.attempt))
    .limit(most)
    .all();
  const other = newest.findIndex(({ outcome }) => outcome !== 'server_died');
  return other < 0 ? newest.length : other;
}

/** The one way a status is written: only from a status that may precede it. */
function move(
  tx: BetterSQLite3Database,
  to: TaskStatus,
  where: SQL | undefined,
  values: Partial<TaskRow>,
): boolean {
  const { changes } = tx
    .update(tasks)
    .set({ ...values, status: to, version: sql`${tasks.version} + 1` })
    .where(and(where, inArray(tasks.status, statusesBefore(to)), isNull(tasks.deletedAt)))
    .run();
  return changes === 1;
}

/** A time further ahead than any that is given out was written before the clock was set back: it is passed. */
const mayStart = (now: number) =>
  or(isNull(tasks.notBefore), lte(tasks.notBefore, now), gt(tasks.notBefore, now + LONGEST_RETRY_DELAY_MS));

const currentAttempt = (taskId: string, attempt: number) =>
  and(eq(tasks.taskId, taskId), eq(tasks.attempt, attempt), eq(tasks.status, 'processing'));

const burn = (burnt: boolean) => (burnt ? { failures: sql`${tasks.failures} + 1` as unknown as number } : {});

const addTo = (tx: BetterSQLite3Database, name: string, amount: number) =>
  tx
    .insert(counters)
    .values({ name, value: amount })
    .onConflictDoUpdate({ target: counters.name, set: { value: sql`${counters.value} + ${amount}` } })
    .run();

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
