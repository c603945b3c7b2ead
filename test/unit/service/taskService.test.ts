import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AppError } from '../../../src/errors.ts';
import { isFullDisk } from '../../../src/disk/fullDisk.ts';
import type { DataFolder } from '../../support/dataFolder.ts';
import type { ProgressBoard } from '../../../src/tasks/progress.ts';
import type { RunningAttempts } from '../../../src/tasks/runningAttempts.ts';
import { StageClock } from '../../../src/tasks/stageClock.ts';
import type { TaskQueue } from '../../../src/queue/taskQueue.ts';
import type { Probe, Submission, TaskService } from '../../../src/service/taskService.ts';
import type { TaskView } from '../../../src/service/taskView.ts';
import { completion, defaultOptions, failure } from '../../support/newTask.ts';
import { starterModel } from '../../support/starterModel.ts';
import type { QueueOnDisk } from '../../support/queueOnDisk.ts';
import { FOUND, openServiceOnDisk, type ServiceOnDisk } from '../../support/taskServiceOnDisk.ts';
import { claim as claimFirst } from '../../support/claim.ts';
import { attemptOf } from '../../support/attemptOf.ts';

const model = starterModel();

let on: ServiceOnDisk;
let disk: QueueOnDisk;
let files: DataFolder;
let progress: ProgressBoard;
let running: RunningAttempts;
let newService: ServiceOnDisk['service'];
beforeEach(async () => {
  on = await openServiceOnDisk();
  ({ disk, files, progress, running, service: newService } = on);
});
afterEach(() => disk.dispose());

const submit = (
  service: TaskService,
  owner: string | null = null,
  given: Partial<Submission> = {},
): Promise<TaskView> => on.submitTo(service, { owner, ...given });

async function claim(): Promise<void> {
  await claimFirst(disk.queue);
}

describe('submitting', () => {
  test('makes a waiting task of the file, which lies under its own name, and wakes the scheduler', async () => {
    const view = await submit(newService());
    expect(view).toMatchObject({
      task: {
        status: 'pending',
        modelType: 'starter',
        modelVersion: '1',
        warnings: [],
        mixture: { filename: 'song.mp3', bytes: 5, codec: 'mp3' },
      },
      progress: { percent: 0, stage: 'queued', etaSeconds: null },
      queuePosition: 1,
    });
    const { storageKey, inputId } = view.task.mixture;
    expect(await files.list(`inputs/${inputId}`)).toEqual(['mixture.mp3']);
    expect(await files.size(storageKey)).toBe(5);
    expect(on.told).toHaveLength(1);
  });

  test('is answered with its task, whatever those throw who are told of it', async () => {
    disk.events.subscribe(() => {
      throw new Error('told in vain');
    });
    const view = await submit(newService());
    expect(await disk.queue.statusOf(view.task.taskId)).toMatchObject({ status: 'pending' });
  });

  test('passes on what the probe refuses', async () => {
    const service = newService({
      probe: async () => {
        throw new AppError('INVALID_AUDIO', 'It holds no audio.');
      },
    });
    await expect(submit(service)).rejects.toMatchObject({ code: 'INVALID_AUDIO' });
    expect(await files.list('inputs')).toEqual([]);
    expect(on.told).toHaveLength(0);
  });

  test('into a full database is told as that, and leaves no file', async () => {
    disk.database.orm.get('PRAGMA max_page_count = 1');
    const submitting = submit(newService(), null, { filename: 'long '.repeat(4_000) });
    await expect(submitting).rejects.toSatisfy(isFullDisk);
    expect(await files.list('inputs')).toEqual([]);
    expect(on.told).toHaveLength(0);
  });

  test('keeps the mixture where the row is written and told as not written', async () => {
    const accept: TaskQueue['accept'] = async (...given) => {
      await disk.queue.accept(...given);
      throw new Error('SQLITE_IOERR');
    };
    await expect(submit(newService({ queue: { accept } }))).rejects.toThrow('SQLITE_IOERR');
    const [inputId = ''] = await files.list('inputs');
    expect(await files.list(`inputs/${inputId}`)).toEqual(['mixture.mp3']);
  });

  test('takes audio exactly as long as allowed, and refuses longer with both numbers', async () => {
    const probe: Probe = async () => ({ ...FOUND, durationSeconds: 600 });
    await expect(submit(newService({ probe }))).resolves.toBeDefined();
    const refused = submit(newService({ probe, limits: { maxAudioSeconds: 599 } }));
    await expect(refused).rejects.toMatchObject({
      code: 'AUDIO_TOO_LONG',
      message: 'The audio is 600 s long; at most 599 s are allowed.',
    });
  });

  test('refuses audio whose separation the memory of the host cannot hold', async () => {
    const limits = { maxAudioSeconds: 'memory', hostMemoryBytes: 40e6 } as const;
    await expect(submit(newService({ limits }))).rejects.toMatchObject({
      code: 'AUDIO_TOO_LONG',
      message: expect.stringContaining('the memory of this server'),
    });
    const roomy = newService({ limits: { ...limits, hostMemoryBytes: 8e9 } });
    await expect(submit(roomy)).resolves.toBeDefined();
  });

  test('takes any length where the pieces of it fit the memory, and refuses what its model cannot cut', async () => {
    const probe: Probe = async () => ({ ...FOUND, durationSeconds: 8 * 3600 });
    const limits = { maxAudioSeconds: 'memory', hostMemoryBytes: 8e9 } as const;
    await expect(submit(newService({ probe, limits }))).resolves.toBeDefined();
    const uncut = submit(newService({ probe, limits }), null, { model: { ...model, chunking: null } });
    await expect(uncut).rejects.toMatchObject({ code: 'AUDIO_TOO_LONG' });
  });

  test('of audio in pieces, counts the mixture that is decoded onto the disk, and the sum of its shifts', async () => {
    const probe: Probe = async () => ({ ...FOUND, durationSeconds: 1000 });
    // Of a thousand seconds: three 24-bit stems take 794 MB, each file of floats 353 MB.
    const withRoom = (bytes: number) =>
      newService({
        probe,
        workspace: { freeBytes: async () => bytes },
        limits: { maxAudioSeconds: 'memory' },
      });
    await expect(submit(withRoom(1_146e6))).rejects.toMatchObject({ code: 'INSUFFICIENT_STORAGE' });
    await expect(submit(withRoom(1_148e6))).resolves.toBeDefined();
    const options = { ...defaultOptions, bigshifts: 2 };
    await expect(submit(withRoom(2_204e6), null, { options })).rejects.toMatchObject({
      code: 'INSUFFICIENT_STORAGE',
    });
    await expect(submit(withRoom(2_206e6), null, { options })).resolves.toBeDefined();
  });

  test('refuses what the disk has no room for, counting the stems to come', async () => {
    // Ten seconds of three 24-bit stems take 7.9 MB.
    await expect(
      submit(newService({ workspace: { freeBytes: async () => 7_000_000 } })),
    ).rejects.toMatchObject({
      code: 'INSUFFICIENT_STORAGE',
    });
    await expect(
      submit(newService({ workspace: { freeBytes: async () => 8_000_000 } })),
    ).resolves.toBeDefined();
  });

  test('counts what is left of the mixture as one more stem, where that is asked for', async () => {
    const options = { ...defaultOptions, extractInstrumental: true };
    // Ten seconds of four 24-bit stems take 10.6 MB.
    const withRoom = (bytes: number) => newService({ workspace: { freeBytes: async () => bytes } });
    await expect(submit(withRoom(10_500_000), null, { options })).rejects.toMatchObject({
      code: 'INSUFFICIENT_STORAGE',
    });
    await expect(submit(withRoom(10_700_000), null, { options })).resolves.toBeDefined();
  });

  test('refuses a task beyond the queue, also one that came past the first look at it', async () => {
    const service = newService();
    await submit(service);
    await submit(service);
    await expect(submit(service)).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    expect(on.told).toHaveLength(2);
  });

  test('refuses everything once the server shuts down', async () => {
    const service = newService();
    service.close();
    await expect(submit(service)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    expect(await disk.queue.countByStatus()).toMatchObject({ pending: 0 });
    expect(await files.list('inputs')).toEqual([]);
  });
});

describe('admitting, before the body is read', () => {
  test('lets pass what can be taken', async () => {
    await expect(newService().admit(null)).resolves.toBeUndefined();
    await expect(newService().admit(500)).resolves.toBeUndefined();
  });

  test('refuses when the queue is full, with a time to come back that follows the running tasks', async () => {
    const service = newService();
    await submit(service);
    await submit(service);
    await expect(service.admit(1)).rejects.toMatchObject({
      code: 'QUEUE_FULL',
      hints: { retryAfterSeconds: 1 },
    });
    const running = attemptOf('running', 1);
    progress.begin(running, 40);
    await expect(service.admit(1)).rejects.toMatchObject({ hints: { retryAfterSeconds: 40 } });
    progress.end(running);
    progress.begin(running, 1e6);
    await expect(service.admit(1)).rejects.toMatchObject({ hints: { retryAfterSeconds: 300 } });
  });

  test('refuses when the disk has no room for the body', async () => {
    const service = newService({ workspace: { freeBytes: async () => 100 } });
    await expect(service.admit(99)).resolves.toBeUndefined();
    await expect(service.admit(100)).rejects.toMatchObject({ code: 'INSUFFICIENT_STORAGE' });
  });

  test('keeps its reserve of the disk from uploads, and says that it does', async () => {
    const withFree = (free: number) =>
      newService({ workspace: { freeBytes: async () => free }, limits: { reserveDiskBytes: 1_000 } });
    await expect(withFree(1_100).admit(99)).resolves.toBeUndefined();
    await expect(withFree(1_100).admit(100)).rejects.toMatchObject({ code: 'INSUFFICIENT_STORAGE' });
    await expect(withFree(1_000).admit(0)).rejects.toMatchObject({
      code: 'INSUFFICIENT_STORAGE',
      message: expect.stringContaining('Delete tasks'),
    });
  });

  test('refuses once the server shuts down, with a time to come back', async () => {
    const service = newService();
    service.close();
    await expect(service.admit(1)).rejects.toMatchObject({
      code: 'SHUTTING_DOWN',
      hints: { retryAfterSeconds: expect.any(Number) },
    });
  });
});

describe('looking at a task', () => {
  test('an attempt that was only just claimed has a number for an estimate already', async () => {
    const service = newService();
    const { task } = await submit(service);
    await claim();
    expect(await service.find(task.taskId, null)).toMatchObject({
      progress: { percent: 0, stage: 'loading_model', etaSeconds: 1 },
      queuePosition: null,
    });
  });

  test('a running attempt shows its own progress', async () => {
    const service = newService();
    const { task } = await submit(service);
    await claim();
    const attempt = progress.begin({ ...task, attempt: 1 }, 30);
    attempt.update({ stage: 'decoding', done: 0, total: 0 });
    expect((await service.find(task.taskId, null))?.progress).toEqual(attempt.shown);
  });

  test('a completed task is at 100 percent, whatever was shown last', async () => {
    const service = newService();
    const { task } = await submit(service);
    await claim();
    progress.begin({ ...task, attempt: 1 }, 30);
    await disk.queue.finish(attemptOf(task.taskId, 1), completion(task.taskId, 1));
    const view = (await service.find(task.taskId, null))!;
    expect(view.progress).toEqual({
      percent: 100,
      stage: 'completed',
      etaSeconds: null,
      updatedAt: view.task.completedAt,
    });
    expect((await service.stemsOf(view.task)).map((stem) => stem.instrument)).toEqual(['drums', 'bass']);
  });

  test('another owner finds nothing, in any way', async () => {
    const service = newService();
    const { task } = await submit(service, 'me');
    expect(await service.find(task.taskId, 'you')).toBeUndefined();
    expect(await service.cancel(task.taskId, 'you')).toBeUndefined();
    expect(await service.remove(task.taskId, 'you')).toBe(false);
    expect(await service.page({ owner: 'you', status: undefined, before: undefined, limit: 9 })).toEqual([]);
    expect(await service.find(task.taskId, 'me')).toBeDefined();
  });

  test('a page shows each task as a look at it alone does', async () => {
    const service = newService();
    const views = [await submit(service), await submit(service)];
    const alone = vi.spyOn(disk.queue, 'queuePosition');
    const together = vi.spyOn(disk.queue, 'queuePositions');
    const page = await service.page({ owner: null, status: 'pending', before: undefined, limit: 9 });
    expect(page.map((view) => view.queuePosition)).toEqual([2, 1]);
    // One look at the queue, however long the page is.
    expect([alone.mock.calls.length, together.mock.calls.length]).toEqual([0, 1]);
    expect(page.map((view) => view.task.taskId)).toEqual(views.map((view) => view.task.taskId).reverse());
  });
});

describe('cancelling', () => {
  test('ends the task and tells its attempt to stop', async () => {
    const service = newService();
    const { task } = await submit(service);
    await claim();
    const controller = new AbortController();
    running.add(task.taskId, new Promise(() => undefined), controller, new StageClock(disk.clock));
    expect(await service.cancel(task.taskId, null, 'r')).toMatchObject({ task: { status: 'cancelled' } });
    expect(controller.signal.aborted).toBe(true);
    expect(disk.announced.at(-1)).toMatchObject({ type: 'task.cancelled', facts: { requestId: 'r' } });
  });

  test('takes a task that waits out of the queue', async () => {
    const service = newService();
    const { task } = await submit(service);
    expect(await service.cancel(task.taskId, null)).toMatchObject({
      task: { status: 'cancelled' },
      queuePosition: null,
    });
  });

  test('of an ended task says so; of no task nothing', async () => {
    const service = newService();
    const { task } = await submit(service);
    await claim();
    await disk.queue.finish(attemptOf(task.taskId, 1), failure());
    expect(await service.cancel(task.taskId, null)).toBe('ended');
    expect(await service.cancel(randomUUID(), null)).toBeUndefined();
  });
});

describe('removing', () => {
  test('a waiting task goes at once, with its files', async () => {
    const service = newService();
    const { task } = await submit(service);
    expect(await service.remove(task.taskId, null)).toBe(true);
    expect(await files.list('inputs')).toEqual([]);
    expect(await disk.queue.statusOf(task.taskId)).toBeUndefined();
    expect(await service.remove(task.taskId, null)).toBe(false);
  });

  test('a running task is hidden at once; its files go when the worker lets go of them', async () => {
    const service = newService();
    const { task } = await submit(service);
    await claim();
    const controller = new AbortController();
    let letGo: () => void = () => undefined;
    const done = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    running.add(task.taskId, done, controller, new StageClock(disk.clock));
    await files.createFolder(`results/${task.taskId}/1`);
    expect(await service.remove(task.taskId, null)).toBe(true);
    expect(await service.find(task.taskId, null)).toBeUndefined();
    expect(controller.signal.aborted).toBe(true);
    expect(await files.list('inputs')).toHaveLength(1);
    letGo();
    // Its row goes last.
    await expect.poll(() => disk.queue.hasInput(task.mixture.inputId)).toBe(false);
    expect(await files.list('inputs')).toEqual([]);
    expect(await files.list('results')).toEqual([]);
  });

  test('whose files cannot be removed is gone for its owner, and stays marked until they are', async () => {
    const { task } = await submit(newService());
    const stuck = newService({
      blobs: {
        remove: async () => {
          throw new Error('EIO');
        },
      },
    });
    expect(await stuck.remove(task.taskId, null)).toBe(true);
    stuck.close();
    expect(await stuck.find(task.taskId, null)).toBeUndefined();
    expect((await disk.queue.markedDeleted()).map((each) => each.taskId)).toEqual([task.taskId]);
  });

  describe('on a disk too full for the mark', () => {
    const full = Object.assign(new Error('full'), { code: 'SQLITE_FULL' });
    /** A service whose database takes no mark while the upload of the task lies on the disk. */
    const fullService = (inputId: string, error: Error = full) =>
      newService({
        queue: {
          async markDeleted(taskId, owner) {
            if ((await files.list(`inputs/${inputId}`)).length > 0) throw error;
            return disk.queue.markDeleted(taskId, owner);
          },
        },
      });

    test('an ended task gives the room of its upload first', async () => {
      const { task } = await submit(newService());
      await claim();
      await disk.queue.finish(attemptOf(task.taskId, 1), failure());
      expect(await fullService(task.mixture.inputId).remove(task.taskId, null)).toBe(true);
      expect(await disk.queue.statusOf(task.taskId)).toBeUndefined();
      expect(await files.list('inputs')).toEqual([]);
    });

    test.each(['pending', 'processing'])(
      'a task that is %s keeps its upload, and is not removed',
      async (status) => {
        const { task } = await submit(newService());
        if (status === 'processing') await claim();
        await expect(fullService(task.mixture.inputId).remove(task.taskId, null)).rejects.toBe(full);
        expect(await disk.queue.statusOf(task.taskId)).toMatchObject({ status });
        expect(await files.list(`inputs/${task.mixture.inputId}`)).toEqual(['mixture.mp3']);
      },
    );

    test('no task of another owner is touched, and no other trouble is taken for a full disk', async () => {
      const { task } = await submit(newService());
      await disk.queue.cancel(task.taskId, null);
      const { taskId, mixture } = task;
      await expect(fullService(mixture.inputId).remove(taskId, 'you')).rejects.toBe(full);
      const other = new Error('SQLITE_IOERR');
      await expect(fullService(mixture.inputId, other).remove(taskId, null)).rejects.toBe(other);
      expect(await files.list(`inputs/${mixture.inputId}`)).toEqual(['mixture.mp3']);
    });
  });
});
