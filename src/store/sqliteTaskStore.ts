import type { Clock } from '../clock.ts';
import type { Database } from './database.ts';
import { createReadMemo } from './readMemo.ts';
import { taskMoves } from './taskMoves.ts';
import { taskQueries } from './taskQueries.ts';
import { taskRemoval } from './taskRemoval.ts';
import type { TaskStore } from './taskStore.ts';

/** The task store on SQLite, through Drizzle. */
export function createSqliteTaskStore(
  { orm, revision, write, writeFreeing }: Pick<Database, 'orm' | 'revision' | 'write' | 'writeFreeing'>,
  clock: Clock,
): TaskStore {
  return {
    ...taskQueries(orm, createReadMemo(revision)),
    ...taskMoves({ write, writeFreeing }, clock),
    ...taskRemoval(orm, writeFreeing, clock),
  };
}
