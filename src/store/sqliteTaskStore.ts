import type { Clock } from '../clock.ts';
import type { Database } from './database.ts';
import { createReadMemo } from './readMemo.ts';
import { taskMoves } from './taskMoves.ts';
import { taskQueries } from './taskQueries.ts';
import { taskRemoval } from './taskRemoval.ts';
import type { TaskStore } from './taskStore.ts';
import { createWrite } from './transaction.ts';

/** The task store on SQLite, through Drizzle. */
export function createSqliteTaskStore(
  { orm, revision }: Pick<Database, 'orm' | 'revision'>,
  clock: Clock,
): TaskStore {
  const write = createWrite(orm);
  return {
    ...taskQueries(orm, createReadMemo(revision)),
    ...taskMoves(write, clock),
    ...taskRemoval(orm, write, clock),
  };
}
