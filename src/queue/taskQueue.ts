import type { SeparationOptions } from '../contract/options.ts';
import type { AttemptId } from '../tasks/attemptId.ts';
import type { Mixture, Stem, Task, TaskFailure, TaskTotals } from '../tasks/task.ts';
import type { EventFacts } from '../tasks/taskEvent.ts';
import type { EndedStatus, TaskStatus } from '../tasks/taskState.ts';

/** How an attempt ended. */
export type AttemptOutcome =
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'worker_died'
  | 'device_failed'
  | 'hung'
  | 'server_stopped'
  | 'server_died';

/** A task to be accepted: its mixture is stored and probed, its model and options are resolved. */
export interface NewTask {
  taskId: string;
  owner: string | null;
  modelType: string;
  modelVersion: string | null;
  options: SeparationOptions;
  mixture: Mixture;
  warnings: readonly string[];
  /** Lets the owner retry the submission without creating a second task. */
  idempotencyKey?: string | undefined;
}

/** The result of an attempt that ran to its end. */
export type AttemptResult =
  | { status: 'completed'; stems: readonly Stem[]; warnings: readonly string[]; processingSeconds: number }
  | { status: 'failed'; failure: TaskFailure; countsAsFailure: boolean; processingSeconds: number };

/** The longest retry delay, and so the longest time that younger tasks may overtake one (milliseconds). */
export const LONGEST_RETRY_DELAY_MS = 60_000;

/** When a task counts as the cause of repeated server deaths. */
export interface PoisonRule {
  /** How many consecutive attempts ended with the server's death. Any other outcome resets the count. */
  deathsInARow: number;
  failure: TaskFailure;
}

/** The worker that claims a task. */
export interface ClaimingWorker {
  id: string;
  device: string;
}

/** A task that may start, and the worker failure of its last attempt, if any. */
export interface Candidate {
  task: Task;
  lastFailure: DeviceFailure | undefined;
}

/** A worker failure that ended a task's last attempt, and the device it happened on. */
export interface DeviceFailure {
  device: string;
  outcome: Extract<AttemptOutcome, 'worker_died' | 'device_failed' | 'hung'>;
}

/** An attempt that ended with the server's death, and the resulting status of its task. */
export interface LostAttempt extends AttemptId {
  status: Extract<TaskStatus, 'pending' | 'failed'>;
}

/** The measured duration of one separation. */
export interface MeasuredWork {
  workSeconds: number;
  /** Seconds of audio processed by the network: the mixture's duration times the number of passes. */
  audioSeconds: number;
}

/** A measured throughput of a model on a device. */
export interface MeasuredThroughput extends MeasuredWork {
  modelType: string;
  /** Null: unknown. */
  modelVersion: string | null;
  device: string;
}

/** Selects ended tasks by age: oldest end first, starting after `after`, the last task of the previous page. */
export interface ExpiryQuery {
  /** Milliseconds since the epoch, exclusive. */
  endedBefore: number;
  after: Pick<Task, 'completedAt' | 'seq'> | undefined;
  limit: number;
}

/**
 * The durable queue and its history. Every method is one transaction. Every status write is conditional on the
 * previous status (and on the attempt, which is one of a step), so a late writer changes nothing. A status change is written together with its
 * event, which is announced to `TaskEvents` after the commit.
 *
 * `owner` scopes a call to one key's tasks; another owner's task is treated as if it did not exist.
 */
export interface TaskQueue {
  /**
   * Adds a pending task. If the owner already has a task with the same idempotency key, nothing is added and that
   * task is returned, whatever its parameters; its `taskId` differs.
   *
   * @returns 'full' when `maxPending` tasks are already pending
   */
  accept(task: NewTask, maxPending: number, facts?: EventFacts): Promise<Task | 'full'>;
  /** The task submitted with this idempotency key. */
  findByKey(idempotencyKey: string, owner: string | null): Promise<Task | undefined>;
  find(taskId: string, owner: string | null): Promise<Task | undefined>;
  /** A page of tasks, newest first, with `seq` below `before`. */
  page(query: {
    owner: string | null;
    status: TaskStatus | undefined;
    before: number | undefined;
    limit: number;
  }): Promise<Task[]>;
  /** The 1-based position of a task in the queue: 1 is next. */
  queuePosition(seq: number): Promise<number>;
  /** The positions of several tasks; tasks that are no longer pending are omitted. */
  queuePositions(seqs: readonly number[]): Promise<Map<number, number>>;
  countByStatus(): Promise<Record<TaskStatus, number>>;
  /** All-time counts by outcome and processing time of completed tasks, including erased ones. */
  totals(): Promise<TaskTotals>;
  /** Pending tasks that may start now, in queue order, with `seq` above `after`. */
  candidates(query: { after?: number | undefined; limit: number }): Promise<Candidate[]>;
  /**
   * Moves a candidate to `processing` and starts the next attempt of its step on a worker.
   *
   * @param last the candidate's last attempt; 0 when its step has none yet
   * @param leaseUntil when the attempt counts as lost unless renewed (milliseconds since the epoch)
   * @returns undefined when the task was cancelled or deleted in the meantime
   */
  claim(last: AttemptId, worker: ClaimingWorker, leaseUntil: number): Promise<Task | undefined>;
  /** Renews the leases of running attempts. Attempts that are no longer current are ignored. */
  renew(attempts: readonly AttemptId[], leaseUntil: number): Promise<void>;
  /** The first pending tasks that wait only for a worker (no retry delay), in queue order. */
  nextPending(limit: number): Promise<Task[]>;
  /** Ends an attempt. Returns false and changes nothing when it is no longer the current attempt. */
  finish(attempt: AttemptId, result: AttemptResult): Promise<boolean>;
  /** Returns the task of a lost attempt to its place in the queue. Returns false as `finish` does. */
  requeue(
    attempt: AttemptId,
    how: { outcome: AttemptOutcome; countsAsFailure: boolean; notBefore: number | null },
  ): Promise<boolean>;
  /**
   * Requeues every task in `processing` whose lease expired before `expiredBefore`: its server is dead. A task
   * whose last attempts all ended this way, as many as `poison` says, fails instead.
   */
  reclaimExpired(expiredBefore: number, poison: PoisonRule): Promise<LostAttempt[]>;
  /** Cancels a task. @returns the task; 'ended' when it had already ended; undefined when there is none */
  cancel(taskId: string, owner: string | null, facts?: EventFacts): Promise<Task | 'ended' | undefined>;
  /** Hides the task from all other calls, as the first step of deleting it. */
  markDeleted(taskId: string, owner: string | null, facts?: EventFacts): Promise<Task | undefined>;
  /** Tasks marked as deleted whose files may still exist. */
  markedDeleted(): Promise<Task[]>;
  /** Deletes the rows of a marked task, and of its mixture if no other task uses it. */
  erase(taskId: string): Promise<void>;
  /** The tasks that `expire`, or `retire` when no status is given, would mark. */
  ended(query: ExpiryQuery & { status?: EndedStatus | undefined }): Promise<Task[]>;
  /**
   * Marks tasks of one status as expired, as the first step of removing their files, and returns them, including
   * tasks marked earlier whose files have not been removed yet.
   */
  expire(query: ExpiryQuery & { status: EndedStatus }): Promise<Task[]>;
  /** Records that the files of an expired task have been removed. */
  markFilesRemoved(taskId: string): Promise<void>;
  /** Hides ended tasks from all other calls, as `markDeleted` does; also returns those hidden earlier. */
  retire(query: ExpiryQuery): Promise<Task[]>;
  /** Deletes `task.deleted` events older than `before`. @returns how many were deleted, at most `limit` */
  forgetDeletions(before: number, limit: number): Promise<number>;
  stemsOf(task: Task): Promise<Stem[]>;
  hasInput(inputId: string): Promise<boolean>;
  /** Status, step and attempt of a task, regardless of its owner; undefined when it does not exist or is deleted. */
  statusOf(taskId: string): Promise<{ status: TaskStatus; step: number; attempt: number } | undefined>;
  /** Throughputs measured in the newest completed tasks. */
  recentThroughputs(): Promise<MeasuredThroughput[]>;
}
