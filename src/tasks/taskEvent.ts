import type { Task } from './task.ts';

export const taskEventTypes = [
  'task.queued',
  'task.started',
  'task.requeued',
  'task.completed',
  'task.failed',
  'task.cancelled',
  'task.expired',
  'task.deleted',
] as const;
export type TaskEventType = (typeof taskEventTypes)[number];

/** A change of a task's state, committed in the same transaction as the state itself. */
export interface TaskEvent {
  type: TaskEventType;
  /** Sequence number among the owner's events, from 1. */
  number: number;
  /** Milliseconds since the epoch. */
  at: number;
  /** The task after the change; for `task.deleted`, before it. */
  task: Task;
  facts: EventFacts;
}

/** Details of a change that are announced but not stored. */
export interface EventFacts {
  /** Id of the request that caused it. */
  requestId?: string | undefined;
  /** How long the upload waited to be probed, in milliseconds. */
  waitedMs?: number | undefined;
  /** The worker an attempt started on. */
  workerId?: string;
  /** How an attempt ended that did not end its task. */
  outcome?: string;
}

/** Publishes every change of a task's state in commit order. Only the queue announces. */
export interface TaskEvents {
  /** Calls `tell` for every later change. Errors it throws are logged; the change is already committed. */
  subscribe(tell: (event: TaskEvent) => void): void;
  announce(event: TaskEvent): void;
}
