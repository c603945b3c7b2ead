import { and, asc, count, desc, eq, gt, isNull, lte, or, sql } from 'drizzle-orm';
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import { AppError } from '../errors.ts';
import type { Stem, Task, TaskFailure } from '../tasks/task.ts';
import { attempts, counters, inputs, stems, tasks, type AttemptOutcome, type Plan } from './schema.ts';
import { pendingTask, readTask, selectTasks, taskOfKey, toTask, visibleTask } from './taskRows.ts';
import {
  LONGEST_RETRY_DELAY_MS,
  type ClaimingWorker,
  type DeviceFailure,
  type LostAttempt,
  type NewTask,
  type TaskStore,
} from './taskStore.ts';
import { move, type RunTransition, type Transition } from './transition.ts';

/** What brings a task from one status to the next. */
export function taskMoves(
  transition: RunTransition,
  transitionFreeing: RunTransition,
): Pick<TaskStore, 'accept' | 'claimNext' | 'finish' | 'requeue' | 'requeueLost' | 'cancel'> {
  return {
    accept: (task, maxPending, facts) =>
      transition(({ tx, now, note }) => {
        const earlier = earlierOfKey(tx, task);
        if (earlier) return earlier;
        const waiting = tx.select({ n: count() }).from(tasks).where(pendingTask()).get()?.n ?? 0;
        if (waiting >= maxPending) {
          throw new AppError(
            'QUEUE_FULL',
            `The queue is full: ${String(waiting)} tasks are waiting. Try again later.`,
          );
        }
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
        const accepted = readTask(tx, eq(tasks.taskId, task.taskId));
        if (!accepted) throw new Error('a task that was just written is not there');
        note('task.queued', accepted, facts);
        return accepted;
      }),

    claimNext: (choose) =>
      transition((change) => {
        const { tx, now } = change;
        const claim = firstClaim(startableTasks(tx, now), (task) => choose(task, lastFailure(tx, task)));
        if (!claim) return undefined;
        const { task: next, worker } = claim;
        const attempt = next.attempt + 1;
        tx.insert(attempts)
          .values({ taskId: next.taskId, attempt, worker: worker.id, device: worker.device, startedAt: now })
          .run();
        const values = { attempt, claimedBy: worker.id, startedAt: now, notBefore: null };
        return move(change, 'processing', next.taskId, undefined, values, { workerId: worker.id });
      }),

    finish: (taskId, attempt, result) =>
      transition((change) => {
        const { tx, now } = change;
        const ended = { completedAt: now, claimedBy: null, processingSeconds: result.processingSeconds };
        const values =
          result.status === 'completed'
            ? { ...ended, warnings: [...warningsOf(tx, taskId), ...result.warnings] }
            : { ...ended, ...failureValues(result.failure), ...burn(result.burnt) };
        if (!move(change, result.status, taskId, currentAttempt(attempt), values)) return false;
        endAttempt(change, taskId, attempt, result.status);
        addTo(tx, `tasks_${result.status}`, 1);
        if (result.status === 'completed') {
          publish(tx, taskId, attempt, result.stems);
          addTo(tx, 'processing_seconds', result.processingSeconds);
        }
        return true;
      }),

    requeue: (taskId, attempt, { outcome, burnt, notBefore }) =>
      transition((change) => {
        const values = { claimedBy: null, startedAt: null, notBefore, ...burn(burnt) };
        const moved = move(change, 'pending', taskId, currentAttempt(attempt), values, { outcome });
        if (moved) endAttempt(change, taskId, attempt, outcome);
        return moved !== undefined;
      }),

    requeueLost: ({ deathsInARow, failure }) =>
      transitionFreeing((change) => {
        const { tx, now } = change;
        const lost = tx
          .select({ taskId: tasks.taskId, attempt: tasks.attempt })
          .from(tasks)
          // A deleted one goes with all its rows; its attempt is nobody's any more.
          .where(and(eq(tasks.status, 'processing'), isNull(tasks.deletedAt)))
          .all();
        const outcome = 'server_died';
        return lost.map(({ taskId, attempt }): LostAttempt => {
          endAttempt(change, taskId, attempt, outcome);
          const current = currentAttempt(attempt);
          if (deathsAtTheEnd(tx, taskId, deathsInARow) < deathsInARow) {
            const values = { claimedBy: null, startedAt: null };
            move(change, 'pending', taskId, current, values, { outcome });
            return { taskId, attempt, status: 'pending' };
          }
          // How long the last attempt ran, nobody knows: `processingSeconds` stays empty.
          const values = { completedAt: now, claimedBy: null, ...failureValues(failure) };
          move(change, 'failed', taskId, current, values, { outcome });
          addTo(tx, 'tasks_failed', 1);
          return { taskId, attempt, status: 'failed' };
        });
      }),

    cancel: (taskId, owner, facts) =>
      transitionFreeing((change) => {
        const { tx, now } = change;
        const task = readTask(tx, visibleTask(taskId, owner));
        if (!task) return undefined;
        const values = { completedAt: now, cancelRequestedAt: now, claimedBy: null };
        const cancelled = move(change, 'cancelled', taskId, undefined, values, facts);
        if (!cancelled) return 'ended';
        endAttempt(change, taskId, task.attempt, 'cancelled');
        addTo(tx, 'tasks_cancelled', 1);
        return cancelled;
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

/** A time further ahead than any that is given out was written before the clock was set back: it is passed. */
const mayStart = (now: number) =>
  or(isNull(tasks.notBefore), lte(tasks.notBefore, now), gt(tasks.notBefore, now + LONGEST_RETRY_DELAY_MS));

const currentAttempt = (attempt: number) => and(eq(tasks.attempt, attempt), eq(tasks.status, 'processing'));

const endAttempt = ({ tx, now }: Transition, taskId: string, attempt: number, outcome: AttemptOutcome) =>
  tx
    .update(attempts)
    .set({ endedAt: now, outcome })
    .where(and(eq(attempts.taskId, taskId), eq(attempts.attempt, attempt), isNull(attempts.outcome)))
    .run();

const failureValues = ({ code, message }: TaskFailure) => ({ failureCode: code, failureMessage: message });

const burn = (burnt: boolean) => (burnt ? { failures: sql`${tasks.failures} + 1` as unknown as number } : {});

const addTo = (tx: BetterSQLite3Database, name: string, amount: number) =>
  tx
    .insert(counters)
    .values({ name, value: amount })
    .onConflictDoUpdate({ target: counters.name, set: { value: sql`${counters.value} + ${amount}` } })
    .run();

const warningsOf = (tx: BetterSQLite3Database, taskId: string) =>
  tx.select({ warnings: tasks.warnings }).from(tasks).where(eq(tasks.taskId, taskId)).get()?.warnings ?? [];

const publish = (tx: BetterSQLite3Database, taskId: string, attempt: number, made: readonly Stem[]) =>
  tx
    .insert(stems)
    .values(made.map((stem, position) => ({ ...stem, taskId, attempt, step: 0, position })))
    .run();
