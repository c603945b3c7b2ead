import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createLog } from '../../src/log/log.ts';
import { openDatabase } from '../../src/queue/sqlite/database.ts';
import { createSqliteTaskQueue } from '../../src/queue/sqlite/sqliteTaskQueue.ts';
import { attempts, counters } from '../../src/queue/sqlite/schema.ts';
import type { TaskQueue } from '../../src/queue/taskQueue.ts';
import type { TaskEvent, TaskEvents } from '../../src/tasks/taskEvent.ts';
import { createTaskEvents } from '../../src/tasks/taskEvents.ts';
import type { AttemptRecord } from '../conformance/taskQueue.ts';
import { ManualClock } from './manualClock.ts';

const migrations = path.resolve(import.meta.dirname, '../../drizzle');

/** A task queue on a real SQLite file with the real migrations, in a folder of its own. */
export interface QueueOnDisk {
  queue: TaskQueue;
  database: ReturnType<typeof openDatabase>;
  clock: ManualClock;
  events: TaskEvents;
  /** Every change that was announced, in order. */
  announced: TaskEvent[];
  /** The rows of all attempts. */
  attempts(): Promise<AttemptRecord[]>;
  /** The totals that outlive the rows. */
  totals(): Map<string, number>;
  /** Closes the database and opens it again, as a new server does after the old one died. */
  reopen(): void;
  dispose(): Promise<void>;
}

/** Opens a new one; whoever opens it disposes of it. */
export async function openQueueOnDisk(): Promise<QueueOnDisk> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-queue-'));
  const clock = new ManualClock();
  const events = createTaskEvents(createLog('silent'));
  const announced: TaskEvent[] = [];
  events.subscribe((event) => void announced.push(event));
  const open = () => {
    const database = openDatabase(path.join(folder, 'tasks.db'), migrations);
    return { database, queue: createSqliteTaskQueue(database, clock, events) };
  };
  const opened: QueueOnDisk = {
    ...open(),
    clock,
    events,
    announced,
    attempts: async () => opened.database.orm.select().from(attempts).all(),
    totals() {
      const rows = opened.database.orm.select().from(counters).all();
      return new Map(rows.map((row) => [row.name, row.value]));
    },
    reopen() {
      opened.database.close();
      Object.assign(opened, open());
    },
    async dispose() {
      opened.database.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return opened;
}
