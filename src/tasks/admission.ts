import { AppError } from '../errors.ts';
import type { ModelEntry } from '../models/modelEntry.ts';
import type { SeparationOptions } from '../models/optionRules.ts';
import type { FileStore } from '../store/fileStore.ts';
import type { TaskStore } from '../store/taskStore.ts';
import { tooLarge } from './mixtureUpload.ts';
import type { ProgressBoard } from './progress.ts';
import { longestSeconds } from './taskMemory.ts';

/** How much the server takes. */
export interface TaskLimits {
  maxFileSizeBytes: number;
  maxAudioSeconds: number | 'memory';
  maxQueueSize: number;
  hostMemoryBytes: number;
  /** Free bytes of the disk that no upload and no stems to come may use. */
  reserveDiskBytes: number;
}

/** Says whether a task can be taken now, with a sentence when it cannot. */
export interface Admission {
  /**
   * Before the body is read.
   *
   * @param request.isRepeat it came before and has its place in the queue, however many wait
   * @throws {AppError} QUEUE_FULL, SHUTTING_DOWN, INSUFFICIENT_STORAGE, FILE_TOO_LARGE
   */
  admit(request: { contentLength: number | null; isRepeat: boolean }): Promise<void>;
  /** @throws {AppError} SHUTTING_DOWN */
  refuseWhenClosed(): void;
  /** @throws {AppError} INSUFFICIENT_STORAGE when so many bytes do not fit the disk */
  requireSpace(bytes: number): Promise<void>;
  /** @throws {AppError} AUDIO_TOO_LONG */
  requireLength(mixture: { durationSeconds: number }, model: ModelEntry, options: SeparationOptions): void;
  /** The refusal while so many tasks wait. */
  queueFull(waiting: number): AppError;
  /** From now on nothing is admitted. */
  close(): void;
}

/** What a form may hold around its file: boundaries, headers, the other fields. */
const FORM_ALLOWANCE_BYTES = 8_000_000;
const MAX_RETRY_AFTER_SECONDS = 300;
const SHUTDOWN_RETRY_AFTER_SECONDS = 10;

/** Builds the gate that every task passes. */
export function createAdmission(parts: {
  store: Pick<TaskStore, 'countByStatus'>;
  files: Pick<FileStore, 'freeBytes'>;
  progress: Pick<ProgressBoard, 'soonestEnd'>;
  limits: TaskLimits;
}): Admission {
  const { store, files, progress, limits } = parts;
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
    const free = (await files.freeBytes()) - limits.reserveDiskBytes;
    if (free > bytes) return;
    if (free <= 0) {
      throw new AppError(
        'INSUFFICIENT_STORAGE',
        'The disk of the server is nearly full, so it takes no uploads now. Delete tasks that are not needed any more, or try again later.',
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
    // A longer one would never find the memory to run, whatever is allowed.
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
      const { pending } = await store.countByStatus();
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
