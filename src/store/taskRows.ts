import { and, eq, isNull, sql, type SQL } from 'drizzle-orm';
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import type { Task } from '../tasks/task.ts';
import { inputs, tasks } from './schema.ts';

/** A task's row beside that of its mixture. */
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

/** The task of this id, if its owner is this one and it is not being deleted. */
export const visibleTask = (taskId: string, owner: string | null) =>
  and(eq(tasks.taskId, taskId), sql`${tasks.owner} IS ${owner}`, isNull(tasks.deletedAt));

/** The task that came with this idempotency key, if its owner is this one and it is not being deleted. */
export const taskOfKey = (idempotencyKey: string, owner: string | null) =>
  and(
    eq(tasks.idempotencyKey, idempotencyKey),
    owner === null ? isNull(tasks.owner) : eq(tasks.owner, owner),
    isNull(tasks.deletedAt),
  );

/** Tasks that wait. */
export const pendingTask = () => and(eq(tasks.status, 'pending'), isNull(tasks.deletedAt));

/** The one task that `where` names, if it is there. */
export function readTask(db: BetterSQLite3Database, where: SQL | undefined): Task | undefined {
  const rows = selectTasks(db, where).get();
  return rows && toTask(rows);
}

/** The domain's view of two rows. */
export function toTask({ task, input }: TaskRows): Task {
  const step = task.plan.steps[0];
  if (!step) throw new Error(`task ${task.taskId} has no step in its plan`);
  return {
    seq: task.seq,
    taskId: task.taskId,
    owner: task.owner,
    status: task.status,
    modelType: step.model,
    modelVersion: step.version ?? null,
    options: step.options,
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
