import { EventEmitter, once } from 'node:events';
import { beforeEach, expect, test } from 'vitest';
import { createLog } from '../../../src/log.ts';
import { createDeviceAdmission } from '../../../src/scheduler/deviceAdmission.ts';
import { createMemoryAdmission } from '../../../src/scheduler/memoryAdmission.ts';
import { createScheduler } from '../../../src/scheduler/scheduler.ts';
import { createLocalFileStore } from '../../../src/store/fileStore.ts';
import { createPace } from '../../../src/tasks/pace.ts';
import { createProgressBoard, type Progress } from '../../../src/tasks/progress.ts';
import { createRunningAttempts } from '../../../src/tasks/runningAttempts.ts';
import { ChildFailure } from '../../../src/worker/childErrors.ts';
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
  ready: { device: { total_memory_bytes: 0 } },
  holding: { models: [], device_bytes: null },
  separate: async ({ task_id, attempt }: SeparateParams, events: AttemptEvents) => {
    events.onProgress({ task_id, attempt, stage: 'separating', done: 9, total: 9 });
    throw new ChildFailure('SEPARATION_FAILED', 'It failed.', null);
  },
} as unknown as InferenceWorker;

test('how far an attempt is can be seen until its end is in the store, and no longer', async () => {
  const progress = createProgressBoard(disk.clock);
  const { taskId } = await disk.store.accept(newTask(), 1);
  const happened = new EventEmitter();
  let shownAtTheEnd: Progress | undefined;
  let isLent = false;
  const lease: Lease = {
    worker: failingWorker,
    device: 'cpu',
    idleMs: 0,
    release: () => happened.emit('released'),
  };
  const scheduler = createScheduler({
    store: {
      ...disk.store,
      finish(id, attempt, result) {
        shownAtTheEnd = progress.find(id);
        return disk.store.finish(id, attempt, result);
      },
    },
    files: createLocalFileStore(await temporaryFolder()),
    media: {} as never,
    progress,
    running: createRunningAttempts(),
    pool: {
      ready: () => [{ worker: failingWorker, device: 'cpu', isIdle: !isLent }],
      lease() {
        isLent = true;
        return lease;
      },
      stop: async () => undefined,
    },
    pace: createPace([]),
    describeModel: () => ({ checkpointBytes: 1, params: { name: 'starter' } as never }),
    onModelUnavailable: () => undefined,
    onEnded: () => undefined,
    onNothingToStart: () => undefined,
    maxAttempts: 3,
    devices: createDeviceAdmission<InferenceWorker>({ workers: () => [], peaks: { find: () => undefined } }),
    peaks: { record: () => undefined },
    memory: createMemoryAdmission({ usableBytes: 1, estimate: () => 1, clock: disk.clock }),
    patience: PATIENCE,
    clock: disk.clock,
    log: createLog('silent'),
  });
  const released = once(happened, 'released');
  scheduler.start();
  await released;
  await scheduler.stop(0);
  expect(await disk.store.find(taskId, null)).toMatchObject({ status: 'failed' });
  expect(shownAtTheEnd).toMatchObject({ stage: 'separating' });
  expect(progress.find(taskId)).toBeUndefined();
});
