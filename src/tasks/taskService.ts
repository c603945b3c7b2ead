import { randomUUID } from 'node:crypto';
import { longestMixtureSeconds } from '../audio/memoryEstimate.ts';
import { stemBytes } from '../audio/stemSize.ts';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { ModelEntry } from '../models/modelEntry.ts';
import type { SeparationOptions } from '../models/optionRules.ts';
import type { FileStore } from '../store/fileStore.ts';
import { layout } from '../store/layout.ts';
import type { TaskStore } from '../store/taskStore.ts';
import { receiveUpload, tooLarge, type StoredUpload } from './mixtureUpload.ts';
import type { Progress, ProgressBoard } from './progress.ts';
import type { RunningAttempts } from './runningAttempts.ts';
import type { Mixture, Stem, Task } from './task.ts';
import type { TaskStatus } from './taskState.ts';

/** A task with what is known of it at this moment beside its row. */
export interface TaskView {
  task: Task;
  progress: Progress;
  /** 1: it starts next; null: it does not wait. */
  queuePosition: number | null;
}

/** The probe of an upload: what the media child found. */
export type Probe = (
  path: string,
) => Promise<Omit<Mixture, 'inputId' | 'filename' | 'bytes' | 'sha256' | 'storageKey'>>;

/** A received file and what is to be done with it, resolved and checked. */
export interface Submission {
  owner: string | null;
  upload: StoredUpload;
  filename: string;
  model: ModelEntry;
  options: SeparationOptions;
}

/** What the HTTP side can ask for. `owner` scopes every call to one key's tasks. */
export interface TaskService {
  /** Refuses what cannot be taken now, before its body is read. @throws {AppError} QUEUE_FULL, SHUTTING_DOWN, INSUFFICIENT_STORAGE, FILE_TOO_LARGE */
  admit(contentLength: number | null): Promise<void>;
  receive(source: NodeJS.ReadableStream): Promise<StoredUpload>;
  /** Whether a file is being received, or was and is not yet a task's: nobody may sweep it. */
  isOpenUpload(inputId: string): boolean;
  /** Removes a received file that did not become a task's. */
  discard(inputId: string): Promise<void>;
  /** Makes the task. @throws {AppError} UNSUPPORTED_FORMAT, INVALID_AUDIO, AUDIO_TOO_LONG, INSUFFICIENT_STORAGE, QUEUE_FULL */
  submit(submission: Submission): Promise<TaskView>;
  find(taskId: string, owner: string | null): Promise<TaskView | undefined>;
  page(query: Parameters<TaskStore['page']>[0]): Promise<TaskView[]>;
  /** @returns 'ended' when it had ended before; undefined when there is none */
  cancel(taskId: string, owner: string | null): Promise<TaskView | 'ended' | undefined>;
  /** @returns false when there is none */
  remove(taskId: string, owner: string | null): Promise<boolean>;
  stemsOf(task: Task): Promise<Stem[]>;
  countByStatus(): Promise<Record<TaskStatus, number>>;
  /** From now on nothing is accepted. */
  close(): void;
}

const EXTENSION = { wav: 'wav', flac: 'flac', mp3: 'mp3', ogg: 'ogg', mp4: 'm4a' } as const;
/** What a form may hold around its file: boundaries, headers, the other fields. */
const FORM_ALLOWANCE_BYTES = 8_000_000;
const MAX_RETRY_AFTER_SECONDS = 300;
const SHUTDOWN_RETRY_AFTER_SECONDS = 10;

/** Builds the service. */
export function createTaskService(parts: {
  store: TaskStore;
  files: FileStore;
  progress: ProgressBoard;
  running: RunningAttempts;
  probe: Probe;
  /** A task came; somebody should look for a worker. */
  onAccepted: (task: Task) => void;
  limits: {
    maxFileSizeBytes: number;
    maxAudioSeconds: number | 'memory';
    maxQueueSize: number;
    hostMemoryBytes: number;
  };
  log: Log;
}): TaskService {
  const { store, files, progress, running, limits, log } = parts;
  let closed = false;
  // From before the folder is made until its row is committed or it is removed.
  const openUploads = new Set<string>();

  const view = async (task: Task): Promise<TaskView> => ({
    task,
    progress: progressOf(task, task.status === 'processing' ? progress.find(task.taskId) : undefined),
    // At least 1: a worker may have taken it since its row was read.
    queuePosition: task.status === 'pending' ? Math.max(1, await store.queuePosition(task.seq)) : null,
  });

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
    if ((await files.freeBytes()) > bytes) return;
    throw new AppError(
      'INSUFFICIENT_STORAGE',
      `The server has no room for this task: it would need ${(bytes / 1e6).toFixed(0)} MB. Try again later.`,
    );
  };

  const requireLength = (mixture: { durationSeconds: number }, submission: Submission) => {
    const { model, options } = submission;
    const limit =
      limits.maxAudioSeconds === 'memory'
        ? longestMixtureSeconds(
            { sampleRate: model.sampleRate, stems: model.outputs.length, bigshifts: options.bigshifts },
            limits.hostMemoryBytes,
          )
        : limits.maxAudioSeconds;
    if (mixture.durationSeconds <= limit) return;
    const why =
      limits.maxAudioSeconds === 'memory'
        ? ` with the model "${model.name}" and the memory of this server`
        : '';
    throw new AppError(
      'AUDIO_TOO_LONG',
      `The audio is ${mixture.durationSeconds.toFixed(0)} s long; at most ${String(limit)} s are allowed${why}.`,
    );
  };

  const eraseNow = async (task: Task): Promise<void> => {
    await files.remove(layout.task(task.taskId));
    await files.remove(layout.input(task.mixture.inputId));
    await store.erase(task.taskId);
  };

  // It stays marked, so the next start carries the deletion out.
  const noteUnerased = (taskId: string) => (error: unknown) => {
    log.error({ taskId, err: error }, 'a deleted task could not be erased');
  };

  return {
    async admit(contentLength) {
      refuseWhenClosed();
      if ((contentLength ?? 0) > limits.maxFileSizeBytes + FORM_ALLOWANCE_BYTES) {
        throw tooLarge(limits.maxFileSizeBytes);
      }
      const { pending } = await store.countByStatus();
      if (pending >= limits.maxQueueSize) throw queueFull(pending);
      await requireSpace(contentLength ?? 0);
    },
    async receive(source) {
      const inputId = randomUUID();
      openUploads.add(inputId);
      try {
        return await receiveUpload(files, inputId, source, limits.maxFileSizeBytes);
      } catch (error) {
        openUploads.delete(inputId);
        throw error;
      }
    },
    isOpenUpload: (inputId) => openUploads.has(inputId),
    async discard(inputId) {
      try {
        // Whatever failed after the commit: an accepted task keeps its mixture.
        if (!(await store.hasInput(inputId))) await files.remove(layout.input(inputId));
      } finally {
        openUploads.delete(inputId);
      }
    },
    async submit(submission) {
      const { upload, model, options, owner } = submission;
      const probed = await parts.probe(files.localPath(layout.upload(upload.inputId)));
      requireLength(probed, submission);
      const stems = options.instruments.length + (options.extractInstrumental ? 1 : 0);
      await requireSpace(
        stemBytes({ ...probed, sampleRate: model.sampleRate, stems, pcmType: options.pcmType }),
      );
      const storageKey = layout.mixture(upload.inputId, EXTENSION[probed.container]);
      await files.rename(layout.upload(upload.inputId), storageKey);
      await files.syncFolder(layout.input(upload.inputId));
      await files.syncFolder(layout.uploads);
      refuseWhenClosed();
      const mixture: Mixture = { ...probed, ...upload, filename: submission.filename, storageKey };
      const task = await store
        .accept(
          { taskId: randomUUID(), owner, modelType: model.name, options, mixture, warnings: [] },
          limits.maxQueueSize,
        )
        .catch((error: unknown) => {
          throw error instanceof AppError && error.code === 'QUEUE_FULL'
            ? queueFull(limits.maxQueueSize)
            : error;
        });
      openUploads.delete(upload.inputId);
      const accepted = await view(task);
      parts.onAccepted(task);
      return accepted;
    },
    async find(taskId, owner) {
      const task = await store.find(taskId, owner);
      return task && view(task);
    },
    async page(query) {
      const tasks = await store.page(query);
      return Promise.all(tasks.map(view));
    },
    async cancel(taskId, owner) {
      const task = await store.cancel(taskId, owner);
      if (task === undefined || task === 'ended') return task;
      void running.abort(taskId);
      return view(task);
    },
    async remove(taskId, owner) {
      const task = await store.markDeleted(taskId, owner);
      if (!task) return false;
      const letGo = running.abort(taskId);
      // The worker may still be writing; its files go when it lets go of them.
      if (letGo) void letGo.then(() => eraseNow(task)).catch(noteUnerased(taskId));
      else await eraseNow(task);
      return true;
    },
    stemsOf: (task) => store.stemsOf(task),
    countByStatus: () => store.countByStatus(),
    close() {
      closed = true;
    },
  };
}

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
      // Claimed, and the attempt about to begin.
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
