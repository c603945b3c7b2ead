import { setTimeout } from 'node:timers/promises';

/** @typedef {{ task_id: string, status: string, attempts: number, progress: { stage: string, percent: number }, links: { self: string, cancel: string } }} Task */

/**
 * Asks for a task again and again until it is so.
 *
 * @param {import('../server.mjs').Server} server
 * @param {Task} task
 * @param {(task: Task) => boolean} isSo
 * @param {number} [everyMs]
 */
export async function untilTask(server, task, isSo, everyMs = 10) {
  for (;;) {
    const answer = await fetch(server.url + task.links.self);
    const found = /** @type {Task} */ (await answer.json());
    if (isSo(found)) return;
    if (['completed', 'failed', 'cancelled'].includes(found.status)) {
      throw new Error(`the task ended first: ${JSON.stringify(found)}`);
    }
    await setTimeout(everyMs);
  }
}

/**
 * Waits until a task is completed, by the log, which costs the server nothing.
 *
 * @param {import('../server.mjs').Server} server
 * @param {Task} task
 */
export async function untilCompleted(server, { task_id: id }) {
  const ends = ['completed', 'failed', 'cancelled'];
  const end = await server.line(
    ({ msg, taskId, status }) => msg === 'task status' && taskId === id && ends.includes(status),
  );
  if (end.status !== 'completed') throw new Error(`not completed: ${JSON.stringify(end)}`);
}

/** Whether it is in the midst of its chunks. @param {Task} task */
export const isSeparating = ({ progress }) => progress.stage === 'separating';
