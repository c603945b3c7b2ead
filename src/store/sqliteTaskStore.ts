import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import type { Clock } from '../clock.ts';
import { taskMoves } from './taskMoves.ts';
import { taskQueries } from './taskQueries.ts';
import { taskRemoval } from './taskRemoval.ts';
import type { TaskStore } from './taskStore.ts';
import { createWrite } from './transaction.ts';

/** The task store on SQLite, through Drizzle. */
export function createSqliteTaskStore(db: BetterSQLite3Database, clock: Clock): TaskStore {
  const write = createWrite(db);
  return { ...taskQueries(db), ...taskMoves(write, clock), ...taskRemoval(db, write, clock) };
}
