import type { SeparationOptions } from '../models/optionRules.ts';
import type { TaskStatus } from './taskState.ts';

/** An uploaded recording: one stored file and what the probe found in it. */
export interface Mixture {
  inputId: string;
  /** As the client named it; for display only, never a path. */
  filename: string;
  bytes: number;
  sha256: string;
  storageKey: string;
  container: 'wav' | 'flac' | 'mp3' | 'ogg' | 'mp4';
  codec: string;
  durationSeconds: number;
  sampleRate: number;
  channels: number;
  /** Why MSST cannot read it whole by itself; null: it can. */
  stagingReason: string | null;
}

/** Why a task failed, in words for its owner. */
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
  /** Order of arrival; a requeued task keeps it. */
  seq: number;
  taskId: string;
  /** The key that made it; null: made with authentication off. */
  owner: string | null;
  status: TaskStatus;
  /** The exact name of its model. */
  modelType: string;
  /** What `modelType` was when the task was accepted; null: it came to a server that did not keep that. */
  modelVersion: string | null;
  options: SeparationOptions;
  mixture: Mixture;
  /** Attempts started so far. Its newest number is the fence: a message of an older attempt changes nothing. */
  attempt: number;
  /** Attempts that the task itself used up; those that a stop of the server ended are not among them. */
  failures: number;
  warnings: readonly string[];
  failure: TaskFailure | null;
  createdAt: number;
  startedAt: number | null;
  completedAt: number | null;
  processingSeconds: number | null;
  /** From then on its files are not given out; they are gone, or about to go. Null: they are kept. */
  filesExpiredAt: number | null;
  version: number;
}

/** Totals since the data directory was made. */
export interface TaskTotals {
  completed: number;
  failed: number;
  cancelled: number;
  /** Of the completed ones, together. */
  processingSeconds: number;
}

/** A finished stem, as the attempt that made it published it. */
export interface Stem {
  instrument: string;
  /** The name in its download URL: unique within the task. */
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
