import type { Log } from '../log.ts';
import type { TaskStatus } from './taskState.ts';

/** The line about a task whose status has just changed; `requeued` is the way back to `pending`. */
export function logStatus(
  log: Log,
  taskId: string,
  status: TaskStatus | 'requeued',
  facts: Record<string, unknown> = {},
): void {
  log.info({ taskId, status, ...facts }, 'task status');
}
