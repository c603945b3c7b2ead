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

/** Makes the views of tasks: their rows beside what is known of them at this moment. */
export interface TaskViews {
  of(task: Task): Promise<TaskView>;
  /** Of a page of them, their places in the queue asked for together. */
  ofAll(tasks: readonly Task[]): Promise<TaskView[]>;
}

/** Builds it. */
export function createTaskViews(
  store: Pick<TaskStore, 'queuePosition' | 'queuePositions'>,
  progress: Pick<ProgressBoard, 'find'>,
): TaskViews {
  const viewAt = (task: Task, position: number): TaskView => ({
    task,
    progress: progressOf(task, task.status === 'processing' ? progress.find(task.taskId) : undefined),
    // At least 1: a worker may have taken it since its row was read.
    queuePosition: isPending(task) ? Math.max(1, position) : null,
  });
  return {
    of: async (task) => viewAt(task, isPending(task) ? await store.queuePosition(task.seq) : 1),
    async ofAll(tasks) {
      const positions = await store.queuePositions(tasks.filter(isPending).map(({ seq }) => seq));
      return tasks.map((task) => viewAt(task, positions.get(task.seq) ?? 1));
    },
  };
}

const isPending = ({ status }: Task) => status === 'pending';

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
