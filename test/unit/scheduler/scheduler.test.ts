import { beforeEach, expect, test } from 'vitest';
import { createLog } from '../../../src/log.ts';
import { createMemoryAdmission } from '../../../src/scheduler/memoryAdmission.ts';
import { createScheduler } from '../../../src/scheduler/scheduler.ts';
import { createLocalFileStore } from '../../../src/store/fileStore.ts';
import { createPace } from '../../../src/tasks/pace.ts';
import { createProgressBoard, type Progress } from '../../../src/tasks/progress.ts';
import { createRunningAttempts } from '../../../src/tasks/runningAttempts.ts';
import type { Task } from '../../../src/tasks/task.ts';
import { ChildDied, ChildFailure } from '../../../src/worker/childErrors.ts';
import type { AttemptEvents, InferenceWorker } from '../../../src/worker/inferenceWorker.ts';
import type { SeparateParams } from '../../../src/worker/protocol.ts';
import { PATIENCE } from '../../../src/worker/patience.ts';
import type { Lease } from '../../../src/worker/workerPool.ts';
import { newTask } from '../../support/newTask.ts';
import { openStoreOnDisk, type StoreOnDisk } from '../../support/storeOnDisk.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

let disk: StoreOnDisk;

beforeEach(async () => {
  disk = await openStoreOnDisk();
  return () => disk.dispose();
});

/** A worker that comes to its last chunk and then fails. */
const failingWorker = {
  id: 'worker-0',
  separate: async ({ task_id, attempt }: SeparateParams, events: AttemptEvents) => {
    events.onProgress({ task_id, attempt, stage: 'separating', done: 9, total: 9 });
    throw new ChildFailure('SEPARATION_FAILED', 'It failed.', null);
  },
} as unknown as InferenceWorker;

type Parts = Parameters<typeof createScheduler>[0];

/** Runs one attempt on that worker, and stops when the worker has been given back. */
async function runOne(worker: InferenceWorker, parts: Partial<Parts>): Promise<void> {
  let giveBack: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (giveBack = resolve));
  let lease: Lease | undefined = { worker, device: 'cpu', idleMs: 0, release: giveBack };
  const scheduler = createScheduler({
    store: disk.store,
    files: createLocalFileStore(await temporaryFolder()),
    media: {} as never,
    progress: createProgressBoard(disk.clock),
    running: createRunningAttempts(),
    pool: {
      lease() {
        const once = lease;
        lease = undefined;
        return once;
      },
      stop: async () => undefined,
    },
    pace: createPace([]),
    describeModel: () => ({ checkpointBytes: 1, params: { name: 'starter' } as never }),
    onModelUnavailable: () => undefined,
    onEnded: () => undefined,
    onNothingToStart: () => undefined,
    countOomKills: async () => undefined,
    maxAttempts: 3,
    memory: createMemoryAdmission({ usableBytes: 1, estimate: () => 1, clock: disk.clock }),
    patience: PATIENCE,
    clock: disk.clock,
    log: createLog('silent'),
    ...parts,
  });
  scheduler.start();
  await released;
  await scheduler.stop(0);
}

test('how far an attempt is can be seen until its end is in the store, and no longer', async () => {
  const progress = createProgressBoard(disk.clock);
  const { taskId } = await disk.store.accept(newTask(), 1);
  let shownAtTheEnd: Progress | undefined;
  await runOne(failingWorker, {
    progress,
    store: {
      ...disk.store,
      finish(id, attempt, result) {
        shownAtTheEnd = progress.find(id);
        return disk.store.finish(id, attempt, result);
      },
    },
  });
  expect(await disk.store.find(taskId, null)).toMatchObject({ status: 'failed' });
  expect(shownAtTheEnd).toMatchObject({ stage: 'separating' });
  expect(progress.find(taskId)).toBeUndefined();
});

test('a task whose worker the kernel killed for want of memory waits in its place until it can run alone', async () => {
  const { taskId } = await disk.store.accept(newTask(), 1);
  const clock = disk.clock;
  const memory = createMemoryAdmission({ usableBytes: 10, estimate: () => 1, clock });
  let oomKills = 0;
  const killedWorker = {
    id: 'worker-0',
    separate() {
      oomKills += 1;
      return Promise.reject(new ChildDied({ exitCode: null, signal: 'SIGKILL' }));
    },
  } as unknown as InferenceWorker;
  await runOne(killedWorker, { memory, countOomKills: async () => oomKills });
  const task = await disk.store.find(taskId, null);
  expect(task).toMatchObject({ status: 'pending', failures: 1 });
  memory.begin({ ...newTask(), seq: 99, attempt: 1 });
  expect(memory.look()(task as Task)).toBe('pass');
});
