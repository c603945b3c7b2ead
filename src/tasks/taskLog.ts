import type { Log } from '../log/log.ts';
import type { RunningAttempts } from './runningAttempts.ts';
import type { TaskEvent, TaskEventType } from './taskEvent.ts';

/** The `status` field of the log line for each change. */
const WORD: Record<TaskEventType, string> = {
  'task.queued': 'pending',
  'task.started': 'processing',
  'task.requeued': 'requeued',
  'task.completed': 'completed',
  'task.failed': 'failed',
  'task.cancelled': 'cancelled',
  'task.expired': 'expired',
  'task.deleted': 'deleted',
};

/**
 * Creates a subscriber that logs one line per change of a task.
 *
 * @param running tells how long an attempt spent in each stage
 */
export function createTaskLog(log: Log, running: Pick<RunningAttempts, 'stageSeconds'>) {
  return ({ type, at, task, facts }: TaskEvent): void => {
    const { taskId, attempt, modelType, failure } = task;
    const { waitedMs, ...others } = facts;
    const line: Record<string, unknown> = { taskId, status: WORD[type], attempt, modelType, ...others };
    if (waitedMs !== undefined) line['waitedMs'] = Math.round(waitedMs);
    if (type === 'task.completed' || type === 'task.failed' || type === 'task.cancelled') {
      line['processingSeconds'] = task.processingSeconds ?? secondsBetween(task.startedAt, at);
      line['stageSeconds'] = running.stageSeconds(taskId) ?? {};
    }
    if (type === 'task.failed') line['failure'] = failure;
    log.info(line, 'task status');
  };
}

const secondsBetween = (start: number | null, end: number) =>
  start === null ? null : Math.max(0, end - start) / 1000;
