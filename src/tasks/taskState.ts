/** The states of a task and the allowed transitions between them. */
export const taskStatuses = ['pending', 'processing', 'completed', 'failed', 'cancelled'] as const;
export type TaskStatus = (typeof taskStatuses)[number];

/** Final statuses. */
export type EndedStatus = Extract<TaskStatus, 'completed' | 'failed' | 'cancelled'>;

const NEXT: Record<TaskStatus, readonly TaskStatus[]> = {
  // Waiting for a worker. Never directly `failed`: a task fails in an attempt.
  pending: ['processing', 'cancelled'],
  // An attempt is running. Back to `pending` when its worker or the server died; `failed` when that happens too often.
  processing: ['completed', 'failed', 'pending', 'cancelled'],
  completed: [],
  failed: [],
  cancelled: [],
};

/** Whether the transition is allowed. */
export function canMove(from: TaskStatus, to: TaskStatus): boolean {
  return NEXT[from].includes(to);
}

/** The statuses with a transition to `to`: the condition of the write. */
export function statusesBefore(to: TaskStatus): TaskStatus[] {
  return taskStatuses.filter((from) => canMove(from, to));
}

/** Whether a status is final. */
export const hasEnded = (status: TaskStatus): status is EndedStatus => NEXT[status].length === 0;
