import { AppError } from '../errors.ts';
import type { ModelEntry } from '../models/inspection/modelEntry.ts';
import type { SeparationOptions } from '../contract/options.ts';
import type { Workspace } from '../blobs/workspace.ts';
import type { TaskQueue } from '../queue/taskQueue.ts';
import { tooLarge } from './upload.ts';
import type { ProgressBoard } from '../tasks/progress.ts';
import { longestSeconds } from '../tasks/resources/taskMemory.ts';

/** The limits on what is accepted. */
export interface TaskLimits {
  maxFileSizeBytes: number;
  maxAudioSeconds: number | 'memory';
  maxQueueSize: number;
  hostMemoryBytes: number;
  /** Disk space kept free of uploads and expected stems, in bytes. */
  reserveDiskBytes: number;
}

/** Decides whether a task can be accepted now; refusals carry a sentence for the client. */
export interface Admission {
  /**
   * Checked before the body is read.
   *
   * @param request.isRepeat the task already exists, so the queue limit does not apply
   * @throws {AppError} QUEUE_FULL, SHUTTING_DOWN, INSUFFICIENT_STORAGE, FILE_TOO_LARGE
   */
  admit(request: { contentLength: number | null; isRepeat: boolean }): Promise<void>;
  /** @throws {AppError} SHUTTING_DOWN */
  refuseWhenClosed(): void;
  /** @throws {AppError} INSUFFICIENT_STORAGE when so many bytes do not fit the disk */
  requireSpace(bytes: number): Promise<void>;
  /** @throws {AppError} AUDIO_TOO_LONG */
  requireLength(mixture: { durationSeconds: number }, model: ModelEntry, options: SeparationOptions): void;
  /** The refusal when this many tasks are waiting. */
  queueFull(waiting: number): AppError;
  /** Refuses everything from now on. */
  close(): void;
}

/** Allowance for the rest of the form: boundaries, headers, other fields. */
const FORM_ALLOWANCE_BYTES = 8_000_000;
const MAX_RETRY_AFTER_SECONDS = 300;
const SHUTDOWN_RETRY_AFTER_SECONDS = 10;

/** Creates the admission. */
export function createAdmission(parts: {
  queue: Pick<TaskQueue, 'countByStatus'>;
  workspace: Pick<Workspace, 'freeBytes'>;
  progress: Pick<ProgressBoard, 'soonestEnd'>;
  limits: TaskLimits;
}): Admission {
  const { queue, workspace, progress, limits } = parts;
  let closed = false;

  const refuseWhenClosed = () => {
    if (!closed) return;
    throw new AppError('SHUTTING_DOWN', 'The server is shutting down. Try again in a moment.', {
      hints: { retryAfterSeconds: SHUTDOWN_RETRY_AFTER_SECONDS },
    });
  };

  const queueFull = (waiting: number) =>
    new AppError('QUEUE_FULL', `The queue is full: ${String(waiting)} tasks are waiting. Try again later.`, {
      // A place becomes free when the next of the running tasks ends.
      hints: {
        retryAfterSeconds: Math.min(Math.max(progress.soonestEnd() ?? 1, 1), MAX_RETRY_AFTER_SECONDS),
      },
    });

  const requireSpace = async (bytes: number) => {
    const free = (await workspace.freeBytes()) - limits.reserveDiskBytes;
    if (free > bytes) return;
    if (free <= 0) {
      throw new AppError(
        'INSUFFICIENT_STORAGE',
        "The server's disk is nearly full, so it accepts no uploads now. Delete tasks you no longer need, or try again later.",
      );
    }
    throw new AppError(
      'INSUFFICIENT_STORAGE',
      `The server has no room for this task: it would need ${String(Math.ceil(bytes / 1e6))} MB. Try again later.`,
    );
  };

  const requireLength = (
    mixture: { durationSeconds: number },
    model: ModelEntry,
    options: SeparationOptions,
  ) => {
    const allowed = limits.maxAudioSeconds === 'memory' ? Infinity : limits.maxAudioSeconds;
    // A longer song could never run in this host's memory, whatever the setting allows.
    const possible = longestSeconds(options, model, limits.hostMemoryBytes);
    const limit = Math.min(allowed, possible);
    if (mixture.durationSeconds <= limit) return;
    const why = possible < allowed ? ` with the model "${model.name}" and the memory of this server` : '';
    throw new AppError(
      'AUDIO_TOO_LONG',
      `The audio is ${mixture.durationSeconds.toFixed(0)} s long; at most ${String(limit)} s are allowed${why}.`,
    );
  };

  return {
    async admit({ contentLength, isRepeat }) {
      refuseWhenClosed();
      if ((contentLength ?? 0) > limits.maxFileSizeBytes + FORM_ALLOWANCE_BYTES) {
        throw tooLarge(limits.maxFileSizeBytes);
      }
      const { pending } = await queue.countByStatus();
      if (!isRepeat && pending >= limits.maxQueueSize) throw queueFull(pending);
      await requireSpace(contentLength ?? 0);
    },
    refuseWhenClosed,
    requireSpace,
    requireLength,
    queueFull,
    close() {
      closed = true;
    },
  };
}
