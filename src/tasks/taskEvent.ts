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

/** A change of a task's state. It was written together with that state. */
export interface TaskEvent {
  type: TaskEventType;
  /** Counts the events of one owner, from 1. */
  number: number;
  /** Milliseconds since the epoch. */
  at: number;
  /** The task as the change left it; of a deleted one, as it was. */
  task: Task;
  facts: EventFacts;
}

/** What is known of a change beside the task, and kept by nobody. */
export interface EventFacts {
  /** Of the request that asked for it. */
  requestId?: string | undefined;
  /** How long an upload waited until it was probed, in milliseconds. */
  waitedMs?: number | undefined;
  /** The worker that an attempt started on. */
  workerId?: string;
  /** Why an attempt ended without ending its task. */
  outcome?: string;
}

/** Where every change of a task's state is announced, in the order of the writes, and by the store alone. */
export interface TaskEvents {
  /** From now on `tell` hears of every change. What it throws is logged: a change that is written cannot be undone. */
  subscribe(tell: (event: TaskEvent) => void): void;
  announce(event: TaskEvent): void;
}
