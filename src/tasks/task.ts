import type { SeparationOptions } from '../contract/options.ts';
import type { TaskStatus } from './taskState.ts';

/** An uploaded recording: a stored file and the result of its probe. */
export interface Mixture {
  inputId: string;
  /** The client's file name; for display only, never used as a path. */
  filename: string;
  bytes: number;
  sha256: string;
  storageKey: string;
  container: 'wav' | 'flac' | 'mp3' | 'ogg' | 'mp4';
  codec: string;
  durationSeconds: number;
  sampleRate: number;
  channels: number;
  /** Why it must be staged before MSST can read it; null: it need not be. */
  stagingReason: string | null;
}

/** Why a task failed, with a sentence for its owner. */
export interface TaskFailure {
  code: TaskFailureCode;
  message: string;
}

export const taskFailureCodes = [
  'SEPARATION_FAILED',
  'OUT_OF_MEMORY',
  'INSUFFICIENT_STORAGE',
  'WORKER_CRASHED',
  'TIMEOUT',
  'INVALID_AUDIO',
] as const;
export type TaskFailureCode = (typeof taskFailureCodes)[number];

/** One upload, one model, one result. Times are milliseconds since the epoch. */
export interface Task {
  /** Position in order of arrival; kept when requeued. */
  seq: number;
  taskId: string;
  /** The key that submitted it; null: authentication was off. */
  owner: string | null;
  status: TaskStatus;
  /** The current step of its plan, from 0. */
  step: number;
  /** The exact name of the current step's model. */
  modelType: string;
  /** Version of the model's files at submission; null: accepted by a server that did not record it. */
  modelVersion: string | null;
  options: SeparationOptions;
  mixture: Mixture;
  /** Attempts of the current step started so far: the last one's number. See `AttemptId`. */
  attempt: number;
  /** Attempts of the current step that count as failures; those ended by a server shutdown do not. */
  failures: number;
  warnings: readonly string[];
  failure: TaskFailure | null;
  createdAt: number;
  startedAt: number | null;
  completedAt: number | null;
  processingSeconds: number | null;
  /** When its files expired; they are removed soon after. Null: they are kept. */
  filesExpiredAt: number | null;
  version: number;
}

/** Totals since the data directory was made. */
export interface TaskTotals {
  completed: number;
  failed: number;
  cancelled: number;
  /** Sum over completed tasks. */
  processingSeconds: number;
}

/** A published stem. */
export interface Stem {
  instrument: string;
  /** File name in the download URL; unique within the task. */
  filename: string;
  storageKey: string;
  format: 'wav' | 'flac';
  bytes: number;
  sha256: string;
  durationSeconds: number;
  sampleRate: number;
  channels: number;
  peak: number;
  clippedSamples: number;
}
