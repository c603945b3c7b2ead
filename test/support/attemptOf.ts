import type { AttemptId } from '../../src/tasks/attemptId.ts';

/** An attempt of a task with one step. */
export const attemptOf = (taskId: string, attempt: number): AttemptId => ({ taskId, step: 0, attempt });
