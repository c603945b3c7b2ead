/** The tables. A leaf: drizzle-kit reads this file to write the migrations under `drizzle/`. */
import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, real, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import type { SeparationOptions } from '../models/optionRules.ts';
import type { Mixture, TaskFailureCode } from '../tasks/task.ts';
import type { TaskEventType } from '../tasks/taskEvent.ts';
import type { TaskStatus } from '../tasks/taskState.ts';

/** What a task is to do. Today always one step; a later pipeline has several. */
export interface Plan {
  v: 1;
  /** `model`: an exact name; `version`: of its files then, where it was kept. */
  steps: { model: string; version?: string; options: SeparationOptions }[];
}

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
    // Autoincrement: a number is never given twice, so order of arrival survives deletions.
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    taskId: text('task_id').notNull().unique(),
    owner: text('owner'),
    inputId: text('input_id')
      .notNull()
      .references(() => inputs.inputId),
    plan: text('plan', { mode: 'json' }).$type<Plan>().notNull(),
    status: text('status').$type<TaskStatus>().notNull(),
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
    // From here on nobody is given its files; they go after it, and then stand under the next line.
    filesExpiredAt: integer('files_expired_at'),
    filesRemovedAt: integer('files_removed_at'),
    version: integer('version').notNull().default(1),
    // By which its owner may send it again without a second task coming of it.
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
    // SQLite holds no two rows for the same where the owner is NULL.
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
    attempt: integer('attempt').notNull(),
    worker: text('worker').notNull(),
    device: text('device').notNull(),
    startedAt: integer('started_at').notNull(),
    endedAt: integer('ended_at'),
    outcome: text('outcome').$type<AttemptOutcome>(),
  },
  (table) => [primaryKey({ columns: [table.taskId, table.attempt] })],
);

/** How an attempt ended. */
export type AttemptOutcome =
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'worker_died'
  | 'device_failed'
  | 'hung'
  | 'server_stopped'
  | 'server_died';

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
 * What happened to tasks. Numbered for each owner from 1, for a number over all of them would tell others' traffic; the
 * newest of an owner stays for ever, for the next goes on from it.
 */
export const events = sqliteTable(
  'events',
  {
    // SQLite keeps no NULL apart in a primary key: tasks of nobody, made with authentication off, have ''.
    owner: text('owner').notNull(),
    number: integer('number').notNull(),
    taskId: text('task_id').notNull(),
    type: text('type').$type<TaskEventType>().notNull(),
    attempt: integer('attempt').notNull(),
    at: integer('at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.owner, table.number] }),
    index('events_by_task').on(table.taskId, table.number),
  ],
);

/** Totals that outlive the rows they count. */
export const counters = sqliteTable('counters', {
  name: text('name').primaryKey(),
  value: real('value').notNull(),
});

/** The most memory that a model was seen to take on a device: what may run beside it follows from that. */
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
