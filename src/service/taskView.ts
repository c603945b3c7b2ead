import type { TaskQueue } from '../queue/taskQueue.ts';
import type { Progress, ProgressBoard } from '../tasks/progress.ts';
import type { Task } from '../tasks/task.ts';

/** A task's row with its live progress and queue position. */
export interface TaskView {
  task: Task;
  progress: Progress;
  /** 1 is next; null: not waiting. */
  queuePosition: number | null;
}

/** Builds task views. */
export interface TaskViews {
  of(task: Task): Promise<TaskView>;
  /** Views of several tasks, with a single query for their queue positions. */
  ofAll(tasks: readonly Task[]): Promise<TaskView[]>;
}

/** Creates it. */
export function createTaskViews(
  queue: Pick<TaskQueue, 'queuePosition' | 'queuePositions'>,
  progress: Pick<ProgressBoard, 'find'>,
): TaskViews {
  const viewAt = (task: Task, position: number): TaskView => ({
    task,
    progress: progressOf(task, task.status === 'processing' ? progress.find(task.taskId) : undefined),
    // At least 1: it may have been claimed since its row was read.
    queuePosition: isPending(task) ? Math.max(1, position) : null,
  });
  return {
    of: async (task) => viewAt(task, isPending(task) ? await queue.queuePosition(task.seq) : 1),
    async ofAll(tasks) {
      const positions = await queue.queuePositions(tasks.filter(isPending).map(({ seq }) => seq));
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
      // Claimed; the attempt is about to begin.
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
