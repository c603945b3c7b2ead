import type { SeparationOptions } from '../models/optionRules.ts';
import type { Mixture, Stem, Task, TaskFailure, TaskTotals } from '../tasks/task.ts';
import type { EventFacts } from '../tasks/taskEvent.ts';
import type { EndedStatus, TaskStatus } from '../tasks/taskState.ts';
import type { AttemptOutcome } from './schema.ts';

/** A task as it is handed in: stored, probed and resolved. */
export interface NewTask {
  taskId: string;
  owner: string | null;
  modelType: string;
  modelVersion: string | null;
  options: SeparationOptions;
  mixture: Mixture;
  warnings: readonly string[];
  /** By which its owner may send it again. */
  idempotencyKey?: string | undefined;
}

/** The end that an attempt comes to by itself. */
export type AttemptResult =
  | { status: 'completed'; stems: readonly Stem[]; warnings: readonly string[]; processingSeconds: number }
  | { status: 'failed'; failure: TaskFailure; countsAsFailure: boolean; processingSeconds: number };

/** No task waits longer than this for its retry, so none is passed by younger ones for longer (milliseconds). */
export const LONGEST_RETRY_DELAY_MS = 60_000;

/** When a task is taken for the reason why the server keeps dying. */
export interface PoisonRule {
  /** So many attempts in a row that a server's death ended; any other end begins a new row. */
  deathsInARow: number;
  failure: TaskFailure;
}

/** The worker that a claimed task becomes an attempt of. */
export interface ClaimingWorker {
  id: string;
  device: string;
}

/** A task that may start, and how its last attempt took its worker with it, if it did. */
export interface Candidate {
  task: Task;
  lastFailure: DeviceFailure | undefined;
}

/** How a task's last attempt ended, and where, if its worker ended with it. */
export interface DeviceFailure {
  device: string;
  outcome: Extract<AttemptOutcome, 'worker_died' | 'device_failed' | 'hung'>;
}

/** An attempt that ended with its server, and where that left its task. */
export interface LostAttempt {
  taskId: string;
  attempt: number;
  status: Extract<TaskStatus, 'pending' | 'failed'>;
}

/** What one separation took. */
export interface MeasuredWork {
  workSeconds: number;
  /** What the network hears: the song, as often as there are passes over it. */
  audioSeconds: number;
}

/** How fast a model worked on a device. */
export interface MeasuredThroughput extends MeasuredWork {
  modelType: string;
  /** Null: not known. */
  modelVersion: string | null;
  device: string;
}

/** Ended tasks whose time has come: oldest end first, from behind `after`, the last of the page before. */
export interface ExpiryQuery {
  /** Milliseconds since the epoch; a task that ended at that very moment is not among them. */
  endedBefore: number;
  after: Pick<Task, 'completedAt' | 'seq'> | undefined;
  limit: number;
}

/**
 * The durable queue and its history. Every method is one transaction; every write of a status is conditional
 * on the status (and attempt) it starts from, so that whoever comes late changes nothing. A change of a task's state
 * is written together with its event, which is announced to `TaskEvents` once both are committed.
 *
 * `owner` scopes a call to one key's tasks; another owner's task is as absent as one that does not exist.
 */
export interface TaskStore {
  /**
   * Adds a pending task. Where its owner has one of the same idempotency key, nothing is added, and that one is
   * given back, whatever it asks for: it has another `taskId`.
   *
   * @throws {AppError} QUEUE_FULL when `maxPending` tasks wait already
   */
  accept(task: NewTask, maxPending: number, facts?: EventFacts): Promise<Task>;
  /** The task that came with this idempotency key. */
  findByKey(idempotencyKey: string, owner: string | null): Promise<Task | undefined>;
  find(taskId: string, owner: string | null): Promise<Task | undefined>;
  /** Newest first, from below `before` (a `seq`). */
  page(query: {
    owner: string | null;
    status: TaskStatus | undefined;
    before: number | undefined;
    limit: number;
  }): Promise<Task[]>;
  /** How many pending tasks start before this one, and itself: 1 is next. */
  queuePosition(seq: number): Promise<number>;
  /** The same of several; those that do not wait any more are left out. */
  queuePositions(seqs: readonly number[]): Promise<Map<number, number>>;
  countByStatus(): Promise<Record<TaskStatus, number>>;
  /** How many tasks ever ended how, and what the completed ones took; rows that are gone count on. */
  totals(): Promise<TaskTotals>;
  /** Pending tasks whose time has come, in their order, from behind `after` (a `seq`). */
  candidates(query: { after?: number | undefined; limit: number }): Promise<Candidate[]>;
  /**
   * Moves a candidate to `processing`, as a new attempt of a worker.
   *
   * @param leaseUntil when others may take it for lost, unless it is renewed (milliseconds since the epoch)
   * @returns undefined where it is none any more: it was cancelled or deleted meanwhile
   */
  claim(
    candidate: Pick<Task, 'taskId' | 'attempt'>,
    worker: ClaimingWorker,
    leaseUntil: number,
  ): Promise<Task | undefined>;
  /** These attempts still run. One that is not its task's current one any more is passed over. */
  renew(attempts: readonly Pick<Task, 'taskId' | 'attempt'>[], leaseUntil: number): Promise<void>;
  /** The first pending tasks that wait for a worker only, in their order. */
  nextPending(limit: number): Promise<Task[]>;
  /** Ends an attempt; false when it is not the current one any more, and then nothing was changed. */
  finish(taskId: string, attempt: number, result: AttemptResult): Promise<boolean>;
  /** Puts the task of a lost attempt back in its place; false as above. */
  requeue(
    taskId: string,
    attempt: number,
    how: { outcome: AttemptOutcome; countsAsFailure: boolean; notBefore: number | null },
  ): Promise<boolean>;
  /**
   * Every task in `processing` whose lease ended before `expiredBefore` is pending again: its server is dead. One
   * whose last attempts were all ended so, as many as `poison` says, has failed instead.
   */
  reclaimExpired(expiredBefore: number, poison: PoisonRule): Promise<LostAttempt[]>;
  /** @returns the cancelled task; 'ended' when it had ended before; undefined when there is none. */
  cancel(taskId: string, owner: string | null, facts?: EventFacts): Promise<Task | 'ended' | undefined>;
  /** Hides the task from every other call, as the first step of deleting it. */
  markDeleted(taskId: string, owner: string | null, facts?: EventFacts): Promise<Task | undefined>;
  /** Tasks that were marked, whose files may still be there. */
  markedDeleted(): Promise<Task[]>;
  /** Removes the rows of a marked task, and of its mixture when no other task uses it. */
  erase(taskId: string): Promise<void>;
  /** Those that `expire`, or without a status `retire`, would mark. */
  ended(query: ExpiryQuery & { status?: EndedStatus | undefined }): Promise<Task[]>;
  /**
   * Marks tasks of one status as expired, the first step of removing their files, and gives them back; also
   * those that were marked before and whose files have not gone since.
   */
  expire(query: ExpiryQuery & { status: EndedStatus }): Promise<Task[]>;
  /** The files of an expired task are gone. */
  markFilesRemoved(taskId: string): Promise<void>;
  /** Hides ended tasks from every other call, as `markDeleted` does; gives back also those hidden before. */
  retire(query: ExpiryQuery): Promise<Task[]>;
  /** Forgets that tasks were deleted, where that was before this time. @returns how many it forgot, no more than `limit` */
  forgetDeletions(before: number, limit: number): Promise<number>;
  stemsOf(task: Task): Promise<Stem[]>;
  hasInput(inputId: string): Promise<boolean>;
  /** How a task stands, whoever owns it; undefined when it is gone or deleted. */
  statusOf(taskId: string): Promise<{ status: TaskStatus; attempt: number } | undefined>;
  /** Throughputs of the newest completed tasks. */
  recentThroughputs(): Promise<MeasuredThroughput[]>;
}
