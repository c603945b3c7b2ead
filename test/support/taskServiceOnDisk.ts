import { Readable } from 'node:stream';
import { createLog } from '../../src/log/log.ts';
import { createLocalFileStore, type FileStore } from '../../src/blobs/fileStore.ts';
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
  files: FileStore;
  progress: ProgressBoard;
  running: RunningAttempts;
  /** The ids of the tasks that the services told of. */
  told: string[];
  service(given?: {
    probe?: Probe;
    files?: Partial<FileStore>;
    queue?: Partial<TaskQueue>;
    limits?: Partial<Parameters<typeof createTaskService>[0]['limits']>;
  }): TaskService;
}

/** Opens a new one; whoever opens it disposes of its disk. */
export async function openServiceOnDisk(): Promise<ServiceOnDisk> {
  const disk = await openQueueOnDisk();
  const files = createLocalFileStore(await temporaryFolder());
  await files.createFolder('inputs');
  const progress = createProgressBoard(disk.clock);
  const running = createRunningAttempts();
  const told: string[] = [];
  disk.events.subscribe(({ type, task }) => {
    if (type === 'task.queued') told.push(task.taskId);
  });
  return {
    disk,
    files,
    progress,
    running,
    told,
    service: (given = {}) =>
      createTaskService({
        queue: given.queue ? { ...disk.queue, ...given.queue } : disk.queue,
        files: { ...files, ...given.files },
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

/** Has a service receive a file with this in it, and submits it. */
export async function submitTo(
  service: TaskService,
  { content = 'audio', ...given }: Partial<Submission> & { content?: string } = {},
): Promise<SubmittedView> {
  const upload = await service.receive(Readable.from([Buffer.from(content)]));
  const owner = given.owner ?? null;
  return service.submit({
    owner,
    caller: owner ?? 'somebody',
    upload,
    filename: 'song.mp3',
    model: starterModel(),
    options: defaultOptions,
    ...given,
  });
}
