import { randomUUID } from 'node:crypto';
import { stemBytes } from '../tasks/resources/stemSize.ts';
import { isFullDisk } from '../disk/fullDisk.ts';
import type { Log } from '../log/log.ts';
import type { ModelEntry } from '../models/inspection/modelEntry.ts';
import type { SeparationOptions } from '../contract/options.ts';
import type { BlobStore } from '../blobs/blobStore.ts';
import { layout } from '../blobs/layout.ts';
import type { Workspace } from '../blobs/workspace.ts';
import type { TaskQueue } from '../queue/taskQueue.ts';
import { createErasing } from '../retention/erasing.ts';
import { createAdmission, type TaskLimits } from './admission.ts';
import type { Upload } from './upload.ts';
import type { ProgressBoard } from '../tasks/progress.ts';
import type { RunningAttempts } from '../tasks/runningAttempts.ts';
import { requireSameRequest } from './sameRequest.ts';
import type { Mixture, Stem, Task } from '../tasks/task.ts';
import type { EventFacts } from '../tasks/taskEvent.ts';
import { hasEnded } from '../tasks/taskState.ts';
import { scratchBytes, stagedBytes } from '../tasks/resources/taskMemory.ts';
import { createTaskViews, type TaskView } from './taskView.ts';

/** Probes an upload; also tells how long it waited for its turn. */
export type Probe = (
  path: string,
  caller: string,
) => Promise<
  Omit<Mixture, 'inputId' | 'filename' | 'bytes' | 'sha256' | 'storageKey'> & { waitedMs: number }
>;

/** A received file with its resolved and validated model and options. The caller still has to discard the file. */
export interface Submission {
  owner: string | null;
  /** For fair turns at the probe: the owner, or the client's address. */
  caller: string;
  upload: Upload;
  filename: string;
  model: ModelEntry;
  options: SeparationOptions;
  /** Idempotency key of the request, and the task that `admit` found for it. */
  idempotencyKey?: string | undefined;
  earlierTaskId?: string | undefined;
  /** Id of the request, for the log. */
  requestId?: string | undefined;
}

/** The task created or found for a submission. */
export interface SubmittedView extends TaskView {
  /** The task already existed under this idempotency key; the new file is not needed. */
  isRepeat: boolean;
  /** How long the file waited to be probed, in milliseconds. */
  waitedMs: number;
}

/** The operations of the HTTP API. `owner` scopes every call to one key's tasks. */
export interface TaskService {
  /**
   * Refuses a submission before its body is read.
   *
   * @returns the id of the task with the same idempotency key, if there is one
   * @throws {AppError} QUEUE_FULL, SHUTTING_DOWN, INSUFFICIENT_STORAGE, FILE_TOO_LARGE
   */
  admit(
    contentLength: number | null,
    from?: { owner: string | null; idempotencyKey: string | undefined },
  ): Promise<string | undefined>;
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
  blobs: Pick<BlobStore, 'remove'>;
  workspace: Pick<Workspace, 'freeBytes'>;
  progress: ProgressBoard;
  running: RunningAttempts;
  probe: Probe;
  limits: TaskLimits;
  log: Log;
}): TaskService {
  const { queue, blobs, progress, running, limits } = parts;
  const admission = createAdmission(parts);
  const views = createTaskViews(queue, progress);

  const repeat = async (earlier: Task, { upload, model, options }: Submission): Promise<SubmittedView> => {
    requireSameRequest(earlier, { sha256: upload.sha256, modelType: model.name, options });
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
      await blobs.remove(layout.input(task.mixture.inputId));
      return queue.markDeleted(taskId, owner, facts);
    }
  };

  return {
    async admit(contentLength, from) {
      const key = from?.idempotencyKey;
      const earlier = key === undefined ? undefined : await queue.findByKey(key, from?.owner ?? null);
      await admission.admit({ contentLength, isRepeat: earlier !== undefined });
      return earlier?.taskId;
    },
    async submit(submission) {
      const { upload, model, options, owner, idempotencyKey, earlierTaskId } = submission;
      // Before the probe: what was accepted once is not refused when it is sent again. It may be deleted by now.
      const earlier = earlierTaskId === undefined ? undefined : await queue.find(earlierTaskId, owner);
      if (earlier) return repeat(earlier, submission);
      const { waitedMs, ...probed } = await parts.probe(upload.localPath, submission.caller);
      admission.requireLength(probed, model, options);
      const stems = options.instruments.length + (options.extractInstrumental ? 1 : 0);
      await admission.requireSpace(
        stemBytes({ ...probed, sampleRate: model.sampleRate, stems, pcmType: options.pcmType }) +
          scratchBytes({ options, mixture: probed }, model) +
          (probed.stagingReason === null ? 0 : stagedBytes(probed)),
      );
      const storageKey = await upload.commit(EXTENSION[probed.container]);
      admission.refuseWhenClosed();
      const { inputId, bytes, sha256 } = upload;
      const mixture: Mixture = {
        ...probed,
        inputId,
        bytes,
        sha256,
        filename: submission.filename,
        storageKey,
      };
      const taskId = randomUUID();
      const task = await queue.accept(
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
      );
      if (task === 'full') throw admission.queueFull(limits.maxQueueSize);
      // A concurrent request with the same key was faster.
      if (task.taskId !== taskId) return repeat(task, submission);
      upload.keep();
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
