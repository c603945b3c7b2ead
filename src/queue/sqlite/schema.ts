/** The database tables. drizzle-kit reads this file to generate the migrations under `drizzle/`. */
import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, real, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import type { AttemptOutcome } from '../taskQueue.ts';
import type { Plan } from '../../tasks/plan.ts';
import type { Mixture, TaskFailureCode } from '../../tasks/task.ts';
import type { TaskEventType } from '../../tasks/taskEvent.ts';
import type { TaskStatus } from '../../tasks/taskState.ts';

export const inputs = sqliteTable('inputs', {
  inputId: text('input_id').primaryKey(),
  owner: text('owner'),
  sha256: text('sha256').notNull(),
  bytes: integer('bytes').notNull(),
  filename: text('filename').notNull(),
  storageKey: text('storage_key').notNull(),
  container: text('container').$type<Mixture['container']>().notNull(),
  codec: text('codec').notNull(),
  durationSeconds: real('duration_seconds').notNull(),
  sampleRate: integer('sample_rate').notNull(),
  channels: integer('channels').notNull(),
  stagingReason: text('staging_reason'),
  createdAt: integer('created_at').notNull(),
});

export const tasks = sqliteTable(
  'tasks',
  {
    // Autoincrement: numbers are never reused, so arrival order survives deletions.
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    taskId: text('task_id').notNull().unique(),
    owner: text('owner'),
    inputId: text('input_id')
      .notNull()
      .references(() => inputs.inputId),
    plan: text('plan', { mode: 'json' }).$type<Plan>().notNull(),
    status: text('status').$type<TaskStatus>().notNull(),
    // The current step of the plan; `attempt` and `failures` count within it.
    step: integer('step').notNull().default(0),
    attempt: integer('attempt').notNull().default(0),
    failures: integer('failures').notNull().default(0),
    notBefore: integer('not_before'),
    claimedBy: text('claimed_by'),
    leaseUntil: integer('lease_until'),
    cancelRequestedAt: integer('cancel_requested_at'),
    deletedAt: integer('deleted_at'),
    warnings: text('warnings', { mode: 'json' }).$type<string[]>().notNull().default([]),
    failureCode: text('failure_code').$type<TaskFailureCode>(),
    failureMessage: text('failure_message'),
    createdAt: integer('created_at').notNull(),
    startedAt: integer('started_at'),
    completedAt: integer('completed_at'),
    processingSeconds: real('processing_seconds'),
    // From this time the files are no longer served; `filesRemovedAt` is set once they have been removed.
    filesExpiredAt: integer('files_expired_at'),
    filesRemovedAt: integer('files_removed_at'),
    version: integer('version').notNull().default(1),
    // Lets the owner retry a submission without creating a second task.
    idempotencyKey: text('idempotency_key'),
  },
  (table) => [
    index('tasks_by_status').on(table.status, table.seq),
    index('tasks_by_input').on(table.inputId),
    index('tasks_by_owner').on(table.owner, table.seq),
    index('tasks_by_end').on(table.completedAt),
    index('tasks_with_files')
      .on(table.status, table.completedAt)
      .where(sql`${table.filesRemovedAt} IS NULL`),
    uniqueIndex('tasks_by_key')
      .on(table.owner, table.idempotencyKey)
      .where(sql`${table.idempotencyKey} IS NOT NULL AND ${table.deletedAt} IS NULL`),
    // SQLite treats NULL owners as distinct, so tasks without an owner need an index of their own.
    uniqueIndex('tasks_by_key_of_nobody')
      .on(table.idempotencyKey)
      .where(
        sql`${table.idempotencyKey} IS NOT NULL AND ${table.owner} IS NULL AND ${table.deletedAt} IS NULL`,
      ),
  ],
);

export const attempts = sqliteTable(
  'attempts',
  {
    taskId: text('task_id').notNull(),
    step: integer('step').notNull().default(0),
    attempt: integer('attempt').notNull(),
    worker: text('worker').notNull(),
    device: text('device').notNull(),
    startedAt: integer('started_at').notNull(),
    endedAt: integer('ended_at'),
    outcome: text('outcome').$type<AttemptOutcome>(),
  },
  (table) => [primaryKey({ columns: [table.taskId, table.step, table.attempt] })],
);

export const stems = sqliteTable(
  'stems',
  {
    taskId: text('task_id').notNull(),
    attempt: integer('attempt').notNull(),
    step: integer('step').notNull(),
    position: integer('position').notNull(),
    instrument: text('instrument').notNull(),
    filename: text('filename').notNull(),
    storageKey: text('storage_key').notNull(),
    format: text('format').$type<'wav' | 'flac'>().notNull(),
    bytes: integer('bytes').notNull(),
    sha256: text('sha256').notNull(),
    durationSeconds: real('duration_seconds').notNull(),
    sampleRate: integer('sample_rate').notNull(),
    channels: integer('channels').notNull(),
    peak: real('peak').notNull(),
    clippedSamples: integer('clipped_samples').notNull(),
  },
  (table) => [primaryKey({ columns: [table.taskId, table.attempt, table.step, table.position] })],
);

/**
 * Task events. Numbered per owner from 1, because a global number would reveal other owners' traffic. An owner's
 * newest event is never deleted, because the next number is derived from it.
 */
export const events = sqliteTable(
  'events',
  {
    // '' for tasks without an owner (authentication off): SQLite does not treat NULLs as equal in a primary key.
    owner: text('owner').notNull(),
    number: integer('number').notNull(),
    taskId: text('task_id').notNull(),
    type: text('type').$type<TaskEventType>().notNull(),
    step: integer('step').notNull().default(0),
    attempt: integer('attempt').notNull(),
    at: integer('at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.owner, table.number] }),
    index('events_by_task').on(table.taskId, table.number),
    index('events_of_deletions')
      .on(table.at)
      .where(sql`${table.type} = 'task.deleted'`),
  ],
);

/** Totals that remain after the rows they count are deleted. */
export const counters = sqliteTable('counters', {
  name: text('name').primaryKey(),
  value: real('value').notNull(),
});

/** Measured peak memory per model, device and batch size; used to decide which tasks may share a device. */
export const devicePeaks = sqliteTable(
  'device_peaks',
  {
    modelType: text('model_type').notNull(),
    device: text('device').notNull(),
    batchSize: integer('batch_size').notNull(),
    version: text('version').notNull(),
    bytes: integer('bytes').notNull(),
    upToSeconds: real('up_to_seconds'),
  },
  (table) => [primaryKey({ columns: [table.modelType, table.device, table.batchSize] })],
);
