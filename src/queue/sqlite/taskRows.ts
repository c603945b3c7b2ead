import { and, eq, isNull, sql, type SQL } from 'drizzle-orm';
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import type { AttemptId } from '../../tasks/attemptId.ts';
import { stepAt } from '../../tasks/plan.ts';
import type { Task } from '../../tasks/task.ts';
import { attempts, inputs, tasks } from './schema.ts';

/** A task's row and its mixture's row. */
export interface TaskRows {
  task: typeof tasks.$inferSelect;
  input: typeof inputs.$inferSelect;
}

/** Selects tasks with their mixtures. */
export const selectTasks = (db: BetterSQLite3Database, where: SQL | undefined) =>
  db
    .select({ task: tasks, input: inputs })
    .from(tasks)
    .innerJoin(inputs, eq(tasks.inputId, inputs.inputId))
    .where(where);

/** Condition: the task with this id, if it belongs to this owner and is not marked as deleted. */
export const visibleTask = (taskId: string, owner: string | null) =>
  and(eq(tasks.taskId, taskId), sql`${tasks.owner} IS ${owner}`, isNull(tasks.deletedAt));

/** Condition: the task with this idempotency key, if it belongs to this owner and is not marked as deleted. */
export const taskOfKey = (idempotencyKey: string, owner: string | null) =>
  and(
    eq(tasks.idempotencyKey, idempotencyKey),
    owner === null ? isNull(tasks.owner) : eq(tasks.owner, owner),
    isNull(tasks.deletedAt),
  );

/** Condition: pending tasks that are not marked as deleted. */
export const pendingTask = () => and(eq(tasks.status, 'pending'), isNull(tasks.deletedAt));

/** Condition: the row of this attempt. */
export const attemptRow = ({ taskId, step, attempt }: AttemptId) =>
  and(eq(attempts.taskId, taskId), eq(attempts.step, step), eq(attempts.attempt, attempt));

/** Reads the task that matches `where`, if any. */
export function readTask(db: BetterSQLite3Database, where: SQL | undefined): Task | undefined {
  const rows = selectTasks(db, where).get();
  return rows && toTask(rows);
}

/** Converts the two rows to a domain task. */
export function toTask({ task, input }: TaskRows): Task {
  const { model, version, options } = stepAt(task.plan, task.step);
  return {
    seq: task.seq,
    taskId: task.taskId,
    owner: task.owner,
    status: task.status,
    step: task.step,
    modelType: model,
    modelVersion: version ?? null,
    options,
    mixture: input,
    attempt: task.attempt,
    failures: task.failures,
    warnings: task.warnings,
    failure:
      task.failureCode === null ? null : { code: task.failureCode, message: task.failureMessage ?? '' },
    createdAt: task.createdAt,
    startedAt: task.startedAt,
    completedAt: task.completedAt,
    processingSeconds: task.processingSeconds,
    filesExpiredAt: task.filesExpiredAt,
    version: task.version,
  };
}
