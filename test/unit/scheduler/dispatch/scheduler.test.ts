import { EventEmitter, once } from 'node:events';
import { beforeEach, expect, test } from 'vitest';
import { createLog } from '../../../../src/log/log.ts';
import { createDeviceAdmission } from '../../../../src/scheduler/admission/deviceAdmission.ts';
import {
  createMemoryAdmission,
  type MemoryAdmission,
} from '../../../../src/scheduler/admission/memoryAdmission.ts';
import { createScheduler } from '../../../../src/scheduler/dispatch/scheduler.ts';
import { openDataFolder } from '../../../support/dataFolder.ts';
import type { TaskQueue } from '../../../../src/queue/taskQueue.ts';
import { createThroughputEstimates } from '../../../../src/scheduler/estimates/throughput.ts';
import { createProgressBoard, type Progress, type ProgressBoard } from '../../../../src/tasks/progress.ts';
import { createRunningAttempts } from '../../../../src/tasks/runningAttempts.ts';
import type { Task } from '../../../../src/tasks/task.ts';
import { ChildDied, ChildFailure } from '../../../../src/workers/process/childErrors.ts';
import type { AttemptEvents, InferenceWorker } from '../../../../src/workers/inference/inferenceWorker.ts';
import type { SeparateParams } from '../../../../src/contract/protocol.ts';
import type { CountOomKills } from '../../../../src/workers/inference/oomKills.ts';
import { TIMEOUTS } from '../../../../src/workers/health/timeouts.ts';
import type { Lease } from '../../../../src/workers/inference/workerPool.ts';
import { newTask } from '../../../support/newTask.ts';
import { starterModel } from '../../../support/starterModel.ts';
import { openQueueOnDisk, type QueueOnDisk } from '../../../support/queueOnDisk.ts';
import { temporaryFolder } from '../../../support/temporaryFolder.ts';
import { noStaging } from '../../../support/noStaging.ts';
import { acceptTask } from '../../../support/acceptTask.ts';

let disk: QueueOnDisk;

beforeEach(async () => {
  disk = await openQueueOnDisk();
  return () => disk.dispose();
});

test('how far an attempt is can be seen until its end is in the queue, and no longer', async () => {
  const progress = createProgressBoard(disk.clock);
  const { taskId } = await acceptTask(disk.queue, newTask(), 1);
  let shownAtTheEnd: Progress | undefined;
  const { scheduler, released } = await schedulerOf({
    progress,
    queue: {
      ...disk.queue,
      finish(attempt, result) {
        shownAtTheEnd = progress.find(attempt.taskId);
        return disk.queue.finish(attempt, result);
      },
    },
  });
  scheduler.start();
  await released;
  await scheduler.stop(0);
  expect(await disk.queue.find(taskId, null)).toMatchObject({ status: 'failed' });
  expect(shownAtTheEnd).toMatchObject({ stage: 'separating' });
  expect(progress.find(taskId)).toBeUndefined();
});

test('the end of an attempt that finds the database full is written again until there is room, once', async () => {
  const { taskId } = await acceptTask(disk.queue, newTask(), 1);
  const refusals = new EventEmitter();
  const refused = once(refusals, 'refused');
  const { scheduler, released } = await schedulerOf({
    queue: {
      ...disk.queue,
      async finish(attempt, result) {
        if (refusals.listenerCount('refused') > 0) disk.database.orm.get('PRAGMA max_page_count = 1');
        try {
          return await disk.queue.finish(attempt, result);
        } catch (error) {
          refusals.emit('refused');
          throw error;
        }
      },
    },
    message: 'long '.repeat(4_000),
  });
  scheduler.start();
  await refused;
  expect(await disk.queue.find(taskId, null)).toMatchObject({ status: 'processing' });
  expect(disk.database.lacksRoom()).toBe(true);
  disk.database.orm.get('PRAGMA max_page_count = 100000');
  await released;
  await scheduler.stop(0);
  expect(await disk.queue.find(taskId, null)).toMatchObject({ status: 'failed', attempt: 1 });
  expect(await disk.queue.totals()).toMatchObject({ failed: 1 });
});

test('a claim that finds the database full ends nothing: the task starts when there is room', async () => {
  const { taskId } = await acceptTask(disk.queue, newTask(), 1);
  const refusals = new EventEmitter();
  const refused = once(refusals, 'refused');
  const { scheduler, released } = await schedulerOf({
    workerId: 'long '.repeat(4_000),
    queue: {
      ...disk.queue,
      async claim(...claim) {
        try {
          return await disk.queue.claim(...claim);
        } catch (error) {
          refusals.emit('refused');
          throw error;
        }
      },
    },
  });
  disk.database.orm.get('PRAGMA max_page_count = 1');
  scheduler.start();
  await refused;
  expect(await disk.queue.find(taskId, null)).toMatchObject({ status: 'pending', attempt: 0 });
  disk.database.orm.get('PRAGMA max_page_count = 100000');
  await released;
  await scheduler.stop(0);
  expect(await disk.queue.find(taskId, null)).toMatchObject({ status: 'failed', attempt: 1 });
});

test.each([
  ['the kernel killed for want of memory waits in its place until it can run alone', 1, 'pass'],
  ['died of something else need not run alone', 0, 'start'],
])('a task whose worker %s', async (_, kills, turn) => {
  const { taskId } = await acceptTask(disk.queue, newTask(), 1);
  const { clock, queue } = disk;
  const memory = createMemoryAdmission({ usableBytes: 10, estimate: () => 1, clock });
  let oomKills = 0;
  const worker = {
    ...atRest,
    id: 'worker-0',
    separate() {
      oomKills += kills;
      return Promise.reject(new ChildDied({ exitCode: null, signal: 'SIGKILL' }));
    },
  } as unknown as InferenceWorker;
  const { scheduler, released } = await schedulerOf({
    queue,
    worker,
    memory,
    countOomKills: async () => oomKills,
  });
  scheduler.start();
  await released;
  await scheduler.stop(0);
  const task = await queue.find(taskId, null);
  expect(task).toMatchObject({ status: 'pending', failures: 1 });
  memory.begin({ ...newTask(), seq: 99, step: 0, attempt: 1 });
  expect(memory.look()(task as Task)).toBe(turn);
});

/** A scheduler with one worker, which comes to its last chunk and then fails; `released` once it has done so. */
async function schedulerOf(given: {
  queue: TaskQueue;
  progress?: ProgressBoard;
  workerId?: string;
  message?: string;
  worker?: InferenceWorker;
  memory?: MemoryAdmission;
  countOomKills?: CountOomKills;
}) {
  const happened = new EventEmitter();
  const released = once(happened, 'released');
  let isLent = false;
  const lease: Lease = {
    worker: given.worker ?? failingWorker(given.workerId ?? 'worker-0', given.message ?? 'It failed.'),
    device: 'cpu',
    idleMs: 0,
    release(how) {
      isLent = how !== 'unused';
      if (isLent) happened.emit('released');
    },
  };
  const scheduler = createScheduler({
    queue: given.queue,
    workspace: openDataFolder(await temporaryFolder()).workspace,
    staging: noStaging,
    progress: given.progress ?? createProgressBoard(disk.clock),
    running: createRunningAttempts(),
    pool: {
      ready: () => [{ worker: lease.worker, device: 'cpu', isIdle: !isLent }],
      lease() {
        isLent = true;
        return lease;
      },
      replaceWorn: () => undefined,
      stop: async () => undefined,
    },
    throughput: createThroughputEstimates([]),
    lookAtModel: async () => ({ ...starterModel(), params: { name: 'starter' } as never }),
    usableMemoryBytes: 1,
    onModelUnavailable: () => undefined,
    residency: { maintain: () => undefined },
    countOomKills: given.countOomKills ?? (async () => undefined),
    maxAttempts: 3,
    devices: createDeviceAdmission<InferenceWorker>({ workers: () => [], peaks: { find: () => undefined } }),
    peaks: { record: () => undefined },
    preparation: { begin: () => undefined, end: () => undefined, look: () => undefined },
    memory: given.memory ?? createMemoryAdmission({ usableBytes: 1, estimate: () => 1, clock: disk.clock }),
    timeouts: TIMEOUTS,
    clock: disk.clock,
    log: createLog('silent'),
  });
  return { scheduler, released };
}

const atRest = {
  ready: { device: { total_memory_bytes: 0 } },
  holding: { models: [], device_bytes: null, device_used_bytes: null },
};

const failingWorker = (id: string, message: string) =>
  ({
    ...atRest,
    id,
    separate: async ({ task_id, attempt }: SeparateParams, events: AttemptEvents) => {
      events.onProgress({ task_id, attempt, stage: 'separating', done: 9, total: 9 });
      throw new ChildFailure('SEPARATION_FAILED', message, null);
    },
  }) as unknown as InferenceWorker;
