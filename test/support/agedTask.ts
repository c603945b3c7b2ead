import { eq } from 'drizzle-orm';
import type { DataFolder } from './dataFolder.ts';
import { tasks } from '../../src/queue/sqlite/schema.ts';
import type { Task } from '../../src/tasks/task.ts';
import type { TaskStatus } from '../../src/tasks/taskState.ts';
import { completion, failure, newTask } from './newTask.ts';
import type { QueueOnDisk } from './queueOnDisk.ts';
import { claim } from './claim.ts';
import { attemptOf } from './attemptOf.ts';
import { acceptTask } from './acceptTask.ts';

/** Longer than a test keeps anything: whoever counts from another moment than the end is found out. */
const WAITED_MS = 10_000 * 3_600_000;
const RAN_MS = 1_000 * 3_600_000;

/**
 * Brings a new task to a status, with an upload and some output on the disk, and dates it back.
 *
 * @param ageMs how long ago it ended, or, where it has not, came. Nothing else may be pending.
 */
export async function taskAt(
  { queue, database, clock }: QueueOnDisk,
  files: DataFolder,
  status: TaskStatus,
  ageMs: number,
): Promise<Task> {
  const { taskId, mixture } = await acceptTask(queue, newTask(), 10_000);
  for (const key of [mixture.storageKey, `results/${taskId}/1/drums.wav`]) {
    await files.put(key);
  }
  const dated = (columns: Partial<typeof tasks.$inferInsert>) =>
    database.orm.update(tasks).set(columns).where(eq(tasks.taskId, taskId)).run();
  // The seq decides what is claimed next: this one alone must be claimable.
  if (status !== 'pending') {
    const notBefore = clock.now() + 30_000;
    database.orm.update(tasks).set({ notBefore }).where(eq(tasks.status, 'pending')).run();
    dated({ notBefore: null });
  }
  if (status === 'cancelled') await queue.cancel(taskId, null);
  else if (status !== 'pending') await claim(queue);
  if (status === 'completed') await queue.finish(attemptOf(taskId, 1), completion(taskId, 1));
  if (status === 'failed') await queue.finish(attemptOf(taskId, 1), failure());
  const then = clock.now() - ageMs;
  const ended = status !== 'pending' && status !== 'processing';
  dated({
    createdAt: then - WAITED_MS,
    ...(status === 'pending' || status === 'cancelled' ? {} : { startedAt: then - RAN_MS }),
    ...(ended ? { completedAt: then } : {}),
  });
  const task = await queue.find(taskId, null);
  if (!task) throw new Error('the task is not there');
  return task;
}
