/** The life of a task: every state, and every step between two of them that may happen. */
export const taskStatuses = ['pending', 'processing', 'completed', 'failed', 'cancelled'] as const;
export type TaskStatus = (typeof taskStatuses)[number];

/** The statuses that a task never leaves. */
export type EndedStatus = Extract<TaskStatus, 'completed' | 'failed' | 'cancelled'>;

const NEXT: Record<TaskStatus, readonly TaskStatus[]> = {
  // Waiting for a worker. `failed`: never straight from here; a task fails in an attempt.
  pending: ['processing', 'cancelled'],
  // An attempt is running. Back to `pending`: its worker or the server went away (requeue); too often: `failed`.
  processing: ['completed', 'failed', 'pending', 'cancelled'],
  completed: [],
  failed: [],
  cancelled: [],
};

/** Whether a task may go from one status to another in one step. */
export function canMove(from: TaskStatus, to: TaskStatus): boolean {
  return NEXT[from].includes(to);
}

/** The statuses from which one step leads to `to`: what a conditional write must find. */
export function statusesBefore(to: TaskStatus): TaskStatus[] {
  return taskStatuses.filter((from) => canMove(from, to));
}

/** Whether a status is one that a task never leaves. */
export const hasEnded = (status: TaskStatus): status is EndedStatus => NEXT[status].length === 0;
