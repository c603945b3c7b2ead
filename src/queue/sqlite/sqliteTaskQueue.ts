import type { Clock } from '../../clock.ts';
import type { TaskEvents } from '../../tasks/taskEvent.ts';
import type { Database } from './database.ts';
import { createReadMemo } from './readMemo.ts';
import { taskMoves } from './taskMoves.ts';
import { taskQueries } from './taskQueries.ts';
import { taskRemoval } from './taskRemoval.ts';
import type { TaskQueue } from '../taskQueue.ts';
import { createTransitions } from './transition.ts';

/** Creates the task queue on SQLite, using Drizzle. */
export function createSqliteTaskQueue(
  { orm, write, writeFreeing }: Pick<Database, 'orm' | 'write' | 'writeFreeing'>,
  clock: Clock,
  events: TaskEvents,
): TaskQueue {
  const memo = createReadMemo();
  events.subscribe(() => {
    memo.forget();
  });
  const transition = createTransitions(write, events, clock);
  const transitionFreeing = createTransitions(writeFreeing, events, clock);
  return {
    ...taskQueries(orm, memo, clock),
    ...taskMoves(write, transition, transitionFreeing),
    ...taskRemoval(orm, writeFreeing, transitionFreeing, clock),
  };
}
