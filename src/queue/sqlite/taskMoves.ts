import { and, count, desc, eq, isNull, lt, or, sql } from 'drizzle-orm';
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import type { Stem, Task, TaskFailure } from '../../tasks/task.ts';
import type { AttemptId } from '../../tasks/attemptId.ts';
import type { PlanStep } from '../../tasks/plan.ts';
import { attempts, counters, inputs, stems, tasks } from './schema.ts';
import { attemptRow, pendingTask, readTask, taskOfKey, visibleTask } from './taskRows.ts';
import type { AttemptOutcome, LostAttempt, NewTask, TaskQueue } from '../taskQueue.ts';
import type { Write } from './transaction.ts';
import { move, type RunTransition, type Transition } from './transition.ts';

/** The queue methods that change a task's status or lease. */
export function taskMoves(
  write: Write,
  transition: RunTransition,
  transitionFreeing: RunTransition,
): Pick<TaskQueue, 'accept' | 'claim' | 'renew' | 'finish' | 'requeue' | 'reclaimExpired' | 'cancel'> {
  return {
    accept: (task, maxPending, facts) =>
      transition(({ tx, now, note }) => {
        const earlier = earlierOfKey(tx, task);
        if (earlier) return earlier;
        const waiting = tx.select({ n: count() }).from(tasks).where(pendingTask()).get()?.n ?? 0;
        if (waiting >= maxPending) return 'full';
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

    claim: ({ taskId, step, attempt: before }, worker, leaseUntil) =>
      transition((change) => {
        const { tx, now } = change;
        const attempt = before + 1;
        const current = and(atAttempt({ taskId, step, attempt: before }), eq(tasks.status, 'pending'));
        const values = { attempt, claimedBy: worker.id, leaseUntil, startedAt: now, notBefore: null };
        const claimed = move(change, 'processing', taskId, current, values, { workerId: worker.id });
        if (!claimed) return undefined;
        tx.insert(attempts)
          .values({ taskId, step, attempt, worker: worker.id, device: worker.device, startedAt: now })
          .run();
        return claimed;
      }),

    renew: (renewed, leaseUntil) =>
      write((tx) => {
        for (const attempt of renewed) tx.update(tasks).set({ leaseUntil }).where(isRunning(attempt)).run();
      }),

    finish: (attempt, result) =>
      transition((change) => {
        const { tx, now } = change;
        const { taskId } = attempt;
        const ended = { completedAt: now, ...NOBODYS, processingSeconds: result.processingSeconds };
        const values =
          result.status === 'completed'
            ? { ...ended, warnings: [...warningsOf(tx, taskId), ...result.warnings] }
            : { ...ended, ...failureValues(result.failure), ...countFailure(result.countsAsFailure) };
        if (!move(change, result.status, taskId, isRunning(attempt), values)) return false;
        endAttempt(change, attempt, result.status);
        addTo(tx, `tasks_${result.status}`, 1);
        if (result.status === 'completed') {
          publish(tx, attempt, result.stems);
          addTo(tx, 'processing_seconds', result.processingSeconds);
        }
        return true;
      }),

    requeue: (attempt, { outcome, countsAsFailure, notBefore }) =>
      transition((change) => {
        const values = { ...NOBODYS, startedAt: null, notBefore, ...countFailure(countsAsFailure) };
        const moved = move(change, 'pending', attempt.taskId, isRunning(attempt), values, { outcome });
        if (moved) endAttempt(change, attempt, outcome);
        return moved !== undefined;
      }),

    reclaimExpired: (expiredBefore, { deathsInARow, failure }) =>
      transitionFreeing((change) => {
        const { tx, now } = change;
        const lost = tx
          .select({ taskId: tasks.taskId, step: tasks.step, attempt: tasks.attempt })
          .from(tasks)
          // Deleted tasks are excluded: their rows are about to be erased.
          .where(
            and(
              eq(tasks.status, 'processing'),
              isNull(tasks.deletedAt),
              or(isNull(tasks.leaseUntil), lt(tasks.leaseUntil, expiredBefore)),
            ),
          )
          .all();
        const outcome = 'server_died';
        return lost.map((attempt): LostAttempt => {
          const { taskId } = attempt;
          endAttempt(change, attempt, outcome);
          const current = isRunning(attempt);
          if (deathsAtTheEnd(tx, attempt, deathsInARow) < deathsInARow) {
            const values = { ...NOBODYS, startedAt: null };
            move(change, 'pending', taskId, current, values, { outcome });
            return { ...attempt, status: 'pending' };
          }
          // The duration of the last attempt is unknown: `processingSeconds` stays null.
          const values = { completedAt: now, ...NOBODYS, ...failureValues(failure) };
          move(change, 'failed', taskId, current, values, { outcome });
          addTo(tx, 'tasks_failed', 1);
          return { ...attempt, status: 'failed' };
        });
      }),

    cancel: (taskId, owner, facts) =>
      transitionFreeing((change) => {
        const { tx, now } = change;
        const task = readTask(tx, visibleTask(taskId, owner));
        if (!task) return undefined;
        const values = { completedAt: now, cancelRequestedAt: now, ...NOBODYS };
        const cancelled = move(change, 'cancelled', taskId, undefined, values, facts);
        if (!cancelled) return 'ended';
        endAttempt(change, task, 'cancelled');
        addTo(tx, 'tasks_cancelled', 1);
        return cancelled;
      }),
  };
}

const stepOf = ({ modelType, modelVersion, options }: NewTask): PlanStep => ({
  model: modelType,
  ...(modelVersion === null ? {} : { version: modelVersion }),
  options,
});

function earlierOfKey(tx: BetterSQLite3Database, { idempotencyKey, owner }: NewTask): Task | undefined {
  return idempotencyKey === undefined ? undefined : readTask(tx, taskOfKey(idempotencyKey, owner));
}

/** Counts how many of the newest attempts in a row of the same step ended with `server_died`, up to `most`. */
function deathsAtTheEnd(tx: BetterSQLite3Database, { taskId, step }: AttemptId, most: number): number {
  const newest = tx
    .select({ outcome: attempts.outcome })
    .from(attempts)
    .where(and(eq(attempts.taskId, taskId), eq(attempts.step, step)))
    .orderBy(desc(attempts.attempt))
    .limit(most)
    .all();
  const other = newest.findIndex(({ outcome }) => outcome !== 'server_died');
  return other < 0 ? newest.length : other;
}

/** Column values that clear the claim and lease of a task that is not running. */
const NOBODYS = { claimedBy: null, leaseUntil: null };

/** Condition: this attempt is its task's newest. */
const atAttempt = ({ taskId, step, attempt }: AttemptId) =>
  and(eq(tasks.taskId, taskId), eq(tasks.step, step), eq(tasks.attempt, attempt));

/** Condition: this attempt is its task's current one. */
const isRunning = (attempt: AttemptId) => and(atAttempt(attempt), eq(tasks.status, 'processing'));

const endAttempt = ({ tx, now }: Transition, ended: AttemptId, outcome: AttemptOutcome) =>
  tx
    .update(attempts)
    .set({ endedAt: now, outcome })
    .where(and(attemptRow(ended), isNull(attempts.outcome)))
    .run();

const failureValues = ({ code, message }: TaskFailure) => ({ failureCode: code, failureMessage: message });

const countFailure = (countsAsFailure: boolean) =>
  countsAsFailure ? { failures: sql`${tasks.failures} + 1` as unknown as number } : {};

const addTo = (tx: BetterSQLite3Database, name: string, amount: number) =>
  tx
    .insert(counters)
    .values({ name, value: amount })
    .onConflictDoUpdate({ target: counters.name, set: { value: sql`${counters.value} + ${amount}` } })
    .run();

const warningsOf = (tx: BetterSQLite3Database, taskId: string) =>
  tx.select({ warnings: tasks.warnings }).from(tasks).where(eq(tasks.taskId, taskId)).get()?.warnings ?? [];

const publish = (tx: BetterSQLite3Database, { taskId, step, attempt }: AttemptId, made: readonly Stem[]) =>
  tx
    .insert(stems)
    .values(made.map((stem, position) => ({ ...stem, taskId, attempt, step, position })))
    .run();
