import { Readable } from 'node:stream';
import type { BlobStore } from '../../src/blobs/blobStore.ts';
import type { Workspace } from '../../src/blobs/workspace.ts';
import { createUploads, type Uploads } from '../../src/service/upload.ts';
import { createLog } from '../../src/log/log.ts';
import { openDataFolder, type DataFolder } from './dataFolder.ts';
import type { TaskQueue } from '../../src/queue/taskQueue.ts';
import { createProgressBoard, type ProgressBoard } from '../../src/tasks/progress.ts';
import { createRunningAttempts, type RunningAttempts } from '../../src/tasks/runningAttempts.ts';
import {
  createTaskService,
  type Probe,
  type Submission,
  type SubmittedView,
  type TaskService,
} from '../../src/service/taskService.ts';
import { defaultOptions } from './newTask.ts';
import { starterModel } from './starterModel.ts';
import { openQueueOnDisk, type QueueOnDisk } from './queueOnDisk.ts';
import { temporaryFolder } from './temporaryFolder.ts';

/** What the probe of these services finds, where a test does not say otherwise. */
export const FOUND: Awaited<ReturnType<Probe>> = {
  waitedMs: 0,
  container: 'mp3',
  codec: 'mp3',
  durationSeconds: 10,
  sampleRate: 44_100,
  channels: 2,
  stagingReason: null,
};

/** A queue and files on the disk, and services on them. */
export interface ServiceOnDisk {
  disk: QueueOnDisk;
  files: DataFolder;
  uploads: Uploads;
  progress: ProgressBoard;
  running: RunningAttempts;
  /** Receives a file with this in it, submits it as the route does, and discards it last. */
  submitTo(service: TaskService, given?: Partial<Submission> & { content?: string }): Promise<SubmittedView>;
  /** The ids of the tasks that the services told of. */
  told: string[];
  service(given?: {
    probe?: Probe;
    blobs?: Partial<BlobStore>;
    workspace?: Partial<Workspace>;
    queue?: Partial<TaskQueue>;
    limits?: Partial<Parameters<typeof createTaskService>[0]['limits']>;
  }): TaskService;
}

/** Opens a new one; whoever opens it disposes of its disk. */
export async function openServiceOnDisk(): Promise<ServiceOnDisk> {
  const disk = await openQueueOnDisk();
  const files = openDataFolder(await temporaryFolder());
  const uploads = createUploads({
    blobs: files,
    queue: disk.queue,
    maxBytes: 1000,
    log: createLog('silent'),
  });
  const progress = createProgressBoard(disk.clock);
  const running = createRunningAttempts();
  const told: string[] = [];
  disk.events.subscribe(({ type, task }) => {
    if (type === 'task.queued') told.push(task.taskId);
  });
  return {
    disk,
    files,
    uploads,
    progress,
    running,
    told,
    async submitTo(service, { content = 'audio', ...given } = {}) {
      const { owner = null, idempotencyKey } = given;
      const earlier = idempotencyKey && (await disk.queue.findByKey(idempotencyKey, owner));
      const upload = await uploads.receive(Readable.from([Buffer.from(content)]));
      try {
        return await service.submit({
          owner,
          caller: owner ?? 'somebody',
          upload,
          filename: 'song.mp3',
          model: starterModel(),
          options: defaultOptions,
          earlierTaskId: earlier ? earlier.taskId : undefined,
          ...given,
        });
      } finally {
        await upload.discard();
      }
    },
    service: (given = {}) =>
      createTaskService({
        queue: given.queue ? { ...disk.queue, ...given.queue } : disk.queue,
        blobs: { ...files, ...given.blobs },
        workspace: { ...files.workspace, ...given.workspace },
        progress,
        running,
        probe: given.probe ?? (async () => FOUND),
        limits: {
          maxFileSizeBytes: 1000,
          maxAudioSeconds: 600,
          maxQueueSize: 2,
          hostMemoryBytes: 8e9,
          reserveDiskBytes: 0,
          ...given.limits,
        },
        log: createLog('silent'),
      }),
  };
}
