import { cleanupInterval, createCleanup } from '../retention/cleanup.ts';
import type { Staging } from '../scheduler/attempt/staging.ts';
import { createTaskService, type TaskService } from '../service/taskService.ts';
import { createUploads, type Uploads } from '../service/upload.ts';
import type { ProgressBoard } from '../tasks/progress.ts';
import { probeMixture } from '../workers/media/mixtureProbe.ts';
import type { Parts } from './parts.ts';
import type { Processes } from './processes.ts';
import type { Storage } from './storage.ts';

const HOUR_MS = 3_600_000;

/** What clients can ask of tasks, and the cleanup of those that ended. */
export interface Service {
  tasks: TaskService;
  uploads: Uploads;
  cleanup: ReturnType<typeof createCleanup>;
  /** How long the results of a completed task are kept, in milliseconds. */
  resultsKeptMs: number;
}

/** Builds both; the cleanup does not run yet. */
export function createService(
  parts: Parts & {
    storage: Storage;
    processes: Processes;
    progress: ProgressBoard;
    memoryBytes: number;
    staging: Staging;
  },
): Service {
  const { config, log, clock, progress, staging } = parts;
  const { queue, blobs, workspace, running } = parts.storage;
  const { media } = parts.processes;
  const uploads = createUploads({ blobs, queue, maxBytes: config.maxFileSizeBytes, log });
  const tasks = createTaskService({
    queue,
    blobs,
    workspace,
    progress,
    running,
    probe: (file, caller) => probeMixture(media, file, caller),
    limits: {
      maxFileSizeBytes: config.maxFileSizeBytes,
      maxAudioSeconds: config.maxAudioSeconds,
      maxQueueSize: config.maxQueueSize,
      hostMemoryBytes: parts.memoryBytes,
      reserveDiskBytes: config.reserveDiskBytes,
    },
    log,
  });
  const retention = {
    completedMs: config.cleanupRetentionHours * HOUR_MS,
    failedMs: config.failedRetentionHours * HOUR_MS,
    metadataMs: config.metadataRetentionHours * HOUR_MS,
  };
  const cleanup = createCleanup(
    {
      queue,
      blobs,
      workspace,
      running: { has: (taskId) => running.has(taskId) || staging.has(taskId) },
      isOpenUpload: (inputId) => uploads.isOpen(inputId),
      retention,
      clock,
      log,
    },
    cleanupInterval(retention),
  );
  return { tasks, uploads, cleanup, resultsKeptMs: retention.completedMs };
}
