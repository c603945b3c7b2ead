import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { openDatabase } from '../../src/store/database.ts';
import { createSqliteTaskStore } from '../../src/store/sqliteTaskStore.ts';
import { counters } from '../../src/store/schema.ts';
import type { TaskStore } from '../../src/store/taskStore.ts';
import { ManualClock } from './manualClock.ts';

const migrations = path.resolve(import.meta.dirname, '../../drizzle');

/** A task store on a real SQLite file with the real migrations, in a folder of its own. */
export interface StoreOnDisk {
  store: TaskStore;
  database: ReturnType<typeof openDatabase>;
  clock: ManualClock;
  /** The totals that outlive the rows. */
  totals(): Map<string, number>;
  /** Closes the database and opens it again, as a new server does after the old one died. */
  reopen(): void;
  dispose(): Promise<void>;
}

/** Opens a new one; whoever opens it disposes of it. */
export async function openStoreOnDisk(): Promise<StoreOnDisk> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-store-'));
  const clock = new ManualClock();
  const open = () => {
    const database = openDatabase(path.join(folder, 'tasks.db'), migrations);
    return { database, store: createSqliteTaskStore(database, clock) };
  };
  const opened: StoreOnDisk = {
    ...open(),
    clock,
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
