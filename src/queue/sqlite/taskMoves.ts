import { and, count, desc, eq, isNull, lt, or, sql } from 'drizzle-orm';
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import { AppError } from '../../errors.ts';
import type { Stem, Task, TaskFailure } from '../../tasks/task.ts';
import { attempts, counters, inputs, stems, tasks, type Plan } from './schema.ts';
import { pendingTask, readTask, taskOfKey, visibleTask } from './taskRows.ts';
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

    claim: ({ taskId, attempt: before }, worker, leaseUntil) =>
      transition((change) => {
        const { tx, now } = change;
        const attempt = before + 1;
        const current = and(eq(tasks.attempt, before), eq(tasks.status, 'pending'));
        const values = { attempt, claimedBy: worker.id, leaseUntil, startedAt: now, notBefore: null };
        const claimed = move(change, 'processing', taskId, current, values, { workerId: worker.id });
        if (!claimed) return undefined;
        tx.insert(attempts)
          .values({ taskId, attempt, worker: worker.id, device: worker.device, startedAt: now })
          .run();
        return claimed;
      }),

    renew: (renewed, leaseUntil) =>
      write((tx) => {
        for (const { taskId, attempt } of renewed) {
          const where = and(eq(tasks.taskId, taskId), currentAttempt(attempt));
          tx.update(tasks).set({ leaseUntil }).where(where).run();
        }
      }),

    finish: (taskId, attempt, result) =>
      transition((change) => {
        const { tx, now } = change;
        const ended = { completedAt: now, ...NOBODYS, processingSeconds: result.processingSeconds };
        const values =
          result.status === 'completed'
            ? { ...ended, warnings: [...warningsOf(tx, taskId), ...result.warnings] }
            : { ...ended, ...failureValues(result.failure), ...countFailure(result.countsAsFailure) };
        if (!move(change, result.status, taskId, currentAttempt(attempt), values)) return false;
        endAttempt(change, taskId, attempt, result.status);
        addTo(tx, `tasks_${result.status}`, 1);
        if (result.status === 'completed') {
          publish(tx, taskId, attempt, result.stems);
          addTo(tx, 'processing_seconds', result.processingSeconds);
        }
        return true;
      }),

    requeue: (taskId, attempt, { outcome, countsAsFailure, notBefore }) =>
      transition((change) => {
        const values = { ...NOBODYS, startedAt: null, notBefore, ...countFailure(countsAsFailure) };
        const moved = move(change, 'pending', taskId, currentAttempt(attempt), values, { outcome });
        if (moved) endAttempt(change, taskId, attempt, outcome);
        return moved !== undefined;
      }),

    reclaimExpired: (expiredBefore, { deathsInARow, failure }) =>
      transitionFreeing((change) => {
        const { tx, now } = change;
        const lost = tx
          .select({ taskId: tasks.taskId, attempt: tasks.attempt })
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
        return lost.map(({ taskId, attempt }): LostAttempt => {
          endAttempt(change, taskId, attempt, outcome);
          const current = currentAttempt(attempt);
          if (deathsAtTheEnd(tx, taskId, deathsInARow) < deathsInARow) {
            const values = { ...NOBODYS, startedAt: null };
            move(change, 'pending', taskId, current, values, { outcome });
            return { taskId, attempt, status: 'pending' };
          }
          // The duration of the last attempt is unknown: `processingSeconds` stays null.
          const values = { completedAt: now, ...NOBODYS, ...failureValues(failure) };
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
        const values = { completedAt: now, cancelRequestedAt: now, ...NOBODYS };
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

/** Counts how many of a task's newest attempts in a row ended with `server_died`, up to `most`. */
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

/** Column values that clear the claim and lease of a task that is not running. */
const NOBODYS = { claimedBy: null, leaseUntil: null };

const currentAttempt = (attempt: number) => and(eq(tasks.attempt, attempt), eq(tasks.status, 'processing'));

const endAttempt = ({ tx, now }: Transition, taskId: string, attempt: number, outcome: AttemptOutcome) =>
  tx
    .update(attempts)
    .set({ endedAt: now, outcome })
    .where(and(eq(attempts.taskId, taskId), eq(attempts.attempt, attempt), isNull(attempts.outcome)))
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

const publish = (tx: BetterSQLite3Database, taskId: string, attempt: number, made: readonly Stem[]) =>
  tx
    .insert(stems)
    .values(made.map((stem, position) => ({ ...stem, taskId, attempt, step: 0, position })))
    .run();
