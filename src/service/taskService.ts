import { randomUUID } from 'node:crypto';
import { stemBytes } from '../tasks/resources/stemSize.ts';
import { AppError } from '../errors.ts';
import { isFullDisk } from '../disk/fullDisk.ts';
import type { Log } from '../log/log.ts';
import type { ModelEntry } from '../models/inspection/modelEntry.ts';
import type { SeparationOptions } from '../contract/options.ts';
import type { FileStore } from '../blobs/fileStore.ts';
import { layout } from '../blobs/layout.ts';
import type { TaskQueue } from '../queue/taskQueue.ts';
import { createErasing } from '../retention/erasing.ts';
import { createAdmission, type TaskLimits } from './admission.ts';
import { receiveUpload, type StoredUpload } from './mixtureUpload.ts';
import type { ProgressBoard } from '../tasks/progress.ts';
import type { RunningAttempts } from '../tasks/runningAttempts.ts';
import { requireSameRequest } from './sameRequest.ts';
import type { Mixture, Stem, Task } from '../tasks/task.ts';
import type { EventFacts } from '../tasks/taskEvent.ts';
import { hasEnded } from '../tasks/taskState.ts';
import { scratchBytes } from '../tasks/resources/taskMemory.ts';
import { createTaskViews, type TaskView } from './taskView.ts';

/** Probes an upload; also tells how long it waited for its turn. */
export type Probe = (
  path: string,
  caller: string,
) => Promise<
  Omit<Mixture, 'inputId' | 'filename' | 'bytes' | 'sha256' | 'storageKey'> & { waitedMs: number }
>;

/** A received file with its resolved and validated model and options. */
export interface Submission {
  owner: string | null;
  /** For fair turns at the probe: the owner, or the client's address. */
  caller: string;
  upload: StoredUpload;
  filename: string;
  model: ModelEntry;
  options: SeparationOptions;
  /** Idempotency key of the request. */
  idempotencyKey?: string | undefined;
  /** Id of the request, for the log. */
  requestId?: string | undefined;
}

/** The task created or found for a submission. */
export interface SubmittedView extends TaskView {
  /** The task already existed under this idempotency key; the new file was discarded. */
  isRepeat: boolean;
  /** How long the file waited to be probed, in milliseconds. */
  waitedMs: number;
}

/** The operations of the HTTP API. `owner` scopes every call to one key's tasks. */
export interface TaskService {
  /** Refuses a submission before its body is read. @throws {AppError} QUEUE_FULL, SHUTTING_DOWN, INSUFFICIENT_STORAGE, FILE_TOO_LARGE */
  admit(
    contentLength: number | null,
    from?: { owner: string | null; idempotencyKey: string | undefined },
  ): Promise<void>;
  receive(source: NodeJS.ReadableStream): Promise<StoredUpload>;
  /** Whether an upload is in progress or not yet owned by a task, and so must not be swept. */
  isOpenUpload(inputId: string): boolean;
  /** Removes a received file that did not become part of a task. */
  discard(inputId: string): Promise<void>;
  /**
   * Creates the task, or finds the one with the same idempotency key.
   *
   * @throws {AppError} UNSUPPORTED_FORMAT, INVALID_AUDIO, AUDIO_TOO_LONG, INSUFFICIENT_STORAGE, QUEUE_FULL, SERVER_BUSY, IDEMPOTENCY_KEY_REUSED
   */
  submit(submission: Submission): Promise<SubmittedView>;
  find(taskId: string, owner: string | null): Promise<TaskView | undefined>;
  page(query: Parameters<TaskQueue['page']>[0]): Promise<TaskView[]>;
  /** @returns 'ended' when the task had already ended; undefined when there is none */
  cancel(taskId: string, owner: string | null, requestId?: string): Promise<TaskView | 'ended' | undefined>;
  /** @returns false when there is none */
  remove(taskId: string, owner: string | null, requestId?: string): Promise<boolean>;
  stemsOf(task: Task): Promise<Stem[]>;
  /** Accepts nothing from now on. */
  close(): void;
}

const EXTENSION = { wav: 'wav', flac: 'flac', mp3: 'mp3', ogg: 'ogg', mp4: 'm4a' } as const;

/** Creates the service. */
export function createTaskService(parts: {
  queue: TaskQueue;
  files: FileStore;
  progress: ProgressBoard;
  running: RunningAttempts;
  probe: Probe;
  limits: TaskLimits;
  log: Log;
}): TaskService {
  const { queue, files, progress, running, limits, log } = parts;
  const admission = createAdmission(parts);
  // Contains an id from before its folder is created until its row is committed or it is removed.
  const openUploads = new Set<string>();

  const views = createTaskViews(queue, progress);

  const discard = async (inputId: string): Promise<void> => {
    try {
      // If the failure came after the commit, the task keeps its mixture.
      if (!(await queue.hasInput(inputId))) await files.remove(layout.input(inputId));
    } finally {
      openUploads.delete(inputId);
    }
  };

  const repeat = async (earlier: Task, { upload, model, options }: Submission): Promise<SubmittedView> => {
    requireSameRequest(earlier, { sha256: upload.sha256, modelType: model.name, options });
    await discard(upload.inputId).catch((error: unknown) => {
      // The next sweep removes it.
      log.warn({ inputId: upload.inputId, err: error }, 'a duplicate upload could not be removed');
    });
    return { ...(await views.of(earlier)), isRepeat: true, waitedMs: 0 };
  };

  const erasing = createErasing(parts);

  /** Marks the task as deleted. @throws when the disk is too full to write even that */
  const markDeleted = async (
    taskId: string,
    owner: string | null,
    facts: EventFacts,
  ): Promise<Task | undefined> => {
    try {
      return await queue.markDeleted(taskId, owner, facts);
    } catch (error) {
      const task = isFullDisk(error) ? await queue.find(taskId, owner) : undefined;
      if (!task || !hasEnded(task.status)) throw error;
      // The upload of an ended task is no longer needed; removing it makes room for the mark.
      await files.remove(layout.input(task.mixture.inputId));
      return queue.markDeleted(taskId, owner, facts);
    }
  };

  return {
    async admit(contentLength, from) {
      const key = from?.idempotencyKey;
      const isRepeat = key !== undefined && (await queue.findByKey(key, from?.owner ?? null)) !== undefined;
      await admission.admit({ contentLength, isRepeat });
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
    discard,
    async submit(submission) {
      const { upload, model, options, owner, idempotencyKey } = submission;
      // Checked before the probe: what was accepted once is not refused when it is sent again.
      const known = idempotencyKey === undefined ? undefined : await queue.findByKey(idempotencyKey, owner);
      if (known) return repeat(known, submission);
      const stored = files.localPath(layout.upload(upload.inputId));
      const { waitedMs, ...probed } = await parts.probe(stored, submission.caller);
      admission.requireLength(probed, model, options);
      const stems = options.instruments.length + (options.extractInstrumental ? 1 : 0);
      await admission.requireSpace(
        stemBytes({ ...probed, sampleRate: model.sampleRate, stems, pcmType: options.pcmType }) +
          scratchBytes({ options, mixture: probed }, model),
      );
      const storageKey = layout.mixture(upload.inputId, EXTENSION[probed.container]);
      await files.rename(layout.upload(upload.inputId), storageKey);
      await files.syncFolder(layout.input(upload.inputId));
      await files.syncFolder(layout.uploads);
      admission.refuseWhenClosed();
      const mixture: Mixture = { ...probed, ...upload, filename: submission.filename, storageKey };
      const taskId = randomUUID();
      const task = await queue
        .accept(
          {
            taskId,
            owner,
            modelType: model.name,
            modelVersion: model.version,
            options,
            mixture,
            warnings: [],
            idempotencyKey,
          },
          limits.maxQueueSize,
          { requestId: submission.requestId, waitedMs },
        )
        .catch((error: unknown) => {
          throw error instanceof AppError && error.code === 'QUEUE_FULL'
            ? admission.queueFull(limits.maxQueueSize)
            : error;
        });
      // A concurrent request with the same key was faster.
      if (task.taskId !== taskId) return repeat(task, submission);
      openUploads.delete(upload.inputId);
      return { ...(await views.of(task)), isRepeat: false, waitedMs };
    },
    async find(taskId, owner) {
      const task = await queue.find(taskId, owner);
      return task && views.of(task);
    },
    async page(query) {
      const tasks = await queue.page(query);
      return views.ofAll(tasks);
    },
    async cancel(taskId, owner, requestId) {
      const task = await queue.cancel(taskId, owner, { requestId });
      if (task === undefined || task === 'ended') return task;
      void running.abort(taskId);
      return views.of(task);
    },
    async remove(taskId, owner, requestId) {
      const task = await markDeleted(taskId, owner, { requestId });
      if (!task) return false;
      const letGo = running.abort(taskId);
      const erase = () => erasing.erase(task);
      // The worker may still be writing, so the files are removed once it has stopped.
      if (letGo) void letGo.then(erase, erase);
      else await erase();
      return true;
    },
    stemsOf: (task) => queue.stemsOf(task),
    close: () => {
      admission.close();
      erasing.stop();
    },
  };
}
