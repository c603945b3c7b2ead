import type { TaskStore } from '../store/taskStore.ts';
import type { Progress, ProgressBoard } from './progress.ts';
import type { Task } from './task.ts';

/** A task with what is known of it at this moment beside its row. */
export interface TaskView {
  task: Task;
  progress: Progress;
  /** 1: it starts next; null: it does not wait. */
  queuePosition: number | null;
}

/** Makes the view of a task: its row beside what is known of it at this moment. */
export function createTaskView(
  store: Pick<TaskStore, 'queuePosition'>,
  progress: Pick<ProgressBoard, 'find'>,
): (task: Task) => Promise<TaskView> {
  return async (task) => ({
    task,
    progress: progressOf(task, task.status === 'processing' ? progress.find(task.taskId) : undefined),
    // At least 1: a worker may have taken it since its row was read.
    queuePosition: task.status === 'pending' ? Math.max(1, await store.queuePosition(task.seq)) : null,
  });
}

function progressOf(task: Task, live: Progress | undefined): Progress {
  if (live) return live;
  switch (task.status) {
    case 'completed':
      return {
        percent: 100,
        stage: 'completed',
        etaSeconds: null,
        updatedAt: task.completedAt ?? task.createdAt,
      };
    case 'processing':
      // Claimed, and the attempt about to begin.
      return {
        percent: 0,
        stage: 'loading_model',
        etaSeconds: 1,
        updatedAt: task.startedAt ?? task.createdAt,
      };
    case 'pending':
    case 'failed':
    case 'cancelled':
      return { percent: 0, stage: 'queued', etaSeconds: null, updatedAt: task.completedAt ?? task.createdAt };
  }
}
