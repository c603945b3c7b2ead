import type { NewTask, TaskQueue } from '../../src/queue/taskQueue.ts';
import type { Task } from '../../src/tasks/task.ts';

/** Accepts a task into a queue that has room for it. */
export async function acceptTask(
  queue: Pick<TaskQueue, 'accept'>,
  task: NewTask,
  maxPending: number,
): Promise<Task> {
  const accepted = await queue.accept(task, maxPending);
  if (accepted === 'full') throw new Error('the queue is full');
  return accepted;
}
