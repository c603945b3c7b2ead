/** Whatever is told of an end, and whoever throws then: files that the row names stay. */
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Log } from '../../../src/log.ts';
import { createSettlement, type SettlementParts } from '../../../src/scheduler/settlement.ts';
import { createLocalFileStore, type FileStore } from '../../../src/store/fileStore.ts';
import { layout } from '../../../src/store/layout.ts';
import { StageClock } from '../../../src/tasks/stageClock.ts';
import type { Task } from '../../../src/tasks/task.ts';
import { ChildDied, ChildFailure } from '../../../src/worker/childErrors.ts';
import { completion, failure, newTask } from '../../support/newTask.ts';
import { openStoreOnDisk, type StoreOnDisk } from '../../support/storeOnDisk.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

const throws = () => {
  throw new Error('told in vain');
};
const silent = { info() {}, warn() {}, error() {} } as unknown as Log;
const throwing = { info: throws, warn: throws, error: throws } as unknown as Log;
const died = new ChildDied({ exitCode: 1, signal: null });
const broken = new ChildFailure('MODEL_UNAVAILABLE', 'It does not load.', null);

const reject = () => Promise.reject(new Error('stuck'));
const stuck = { remove: reject, removeEmptyFolder: reject };

let disk: StoreOnDisk;
let files: FileStore;

beforeEach(async () => {
  disk = await openStoreOnDisk();
  files = createLocalFileStore(await temporaryFolder());
  return () => disk.dispose();
});

/** A task whose attempt of this number runs and has written what it wrote. */
async function running(attempts = 1): Promise<Task> {
  const { taskId } = await disk.store.accept(newTask(), 10);
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    await disk.store.claimNext(() => ({ id: 'worker-0', device: 'cpu' }));
    await files.createFolder(`${layout.attempt(taskId, attempt)}/drums.wav`);
    await files.createFolder(layout.attemptScratch(taskId, attempt));
    if (attempt < attempts)
      await disk.store.requeue(taskId, attempt, { outcome: 'worker_died', burnt: true, notBefore: null });
  }
  return (await disk.store.find(taskId, null)) as Task;
}

const makeSettlement = (given: Partial<SettlementParts> = {}) =>
  createSettlement({
    store: disk.store,
    files,
    maxAttempts: 3,
    retryDelayMs: 0,
    onModelUnavailable: () => undefined,
    onEnded: () => undefined,
    now: () => disk.clock.now(),
    log: silent,
    ...given,
  });

function settlementOf(given: Partial<SettlementParts> = {}) {
  const settlement = makeSettlement(given);
  return (task: Task, outcome: Parameters<typeof settlement.settle>[1]) =>
    settlement.settle(task, outcome, { stages: new StageClock(disk.clock), cancelled: false });
}

const attemptsOf = (task: Task) => files.list(layout.task(task.taskId));
const statusOf = async ({ taskId }: Task) => (await disk.store.find(taskId, null))?.status;

describe('the stems of a completed task stay', () => {
  test.each<[string, Partial<SettlementParts>]>([
    ['whoever is told of the end throws', { onEnded: throws }],
    ['the log throws', { log: throwing }],
    ['both do', { onEnded: throws, log: throwing }],
  ])('where %s', async (_, given) => {
    const task = await running();
    await settlementOf(given)(task, { result: completion(task.taskId, 1) });
    expect(await statusOf(task)).toBe('completed');
    expect(await attemptsOf(task)).toEqual(['1']);
  });

  test('where the write is taken and told as refused', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true, advanceTimeDelta: 1_000 });
    const task = await running();
    let told = 0;
    const store = {
      ...disk.store,
      async finish(...end: Parameters<typeof disk.store.finish>) {
        const isWritten = await disk.store.finish(...end);
        told += 1;
        if (told === 1) throws();
        return isWritten;
      },
    };
    await settlementOf({ store })(task, { result: completion(task.taskId, 1) });
    vi.useRealTimers();
    expect(told).toBe(2);
    expect(await attemptsOf(task)).toEqual(['1']);
  });

  test('where an older attempt of it ends late, in whatever way', async () => {
    const newest = await running(2);
    const settle = settlementOf();
    await settle(newest, { result: completion(newest.taskId, 2) });
    const older = { ...newest, attempt: 1 };
    for (const outcome of [
      { result: completion(newest.taskId, 1) },
      { result: failure() },
      { error: died },
      { error: new Error('ours') },
    ]) {
      await settle(older, outcome);
      expect(await attemptsOf(newest)).toEqual(['2']);
    }
    expect(await statusOf(newest)).toBe('completed');
  });
});

describe('an end is written', () => {
  test.each<[string, Partial<SettlementParts>]>([
    ['whoever is told of the model throws', { onModelUnavailable: throws }],
    ['the log throws', { log: throwing, onModelUnavailable: throws, onEnded: throws }],
    ['nothing can be removed', { files: stuck, log: throwing }],
  ])('where %s', async (_, given) => {
    const failed = await running();
    await settlementOf(given)(failed, { error: broken });
    expect(await statusOf(failed)).toBe('failed');
    const requeued = await running();
    await settlementOf(given)(requeued, { error: died });
    expect(await statusOf(requeued)).toBe('pending');
  });
});

test('of an attempt that failed nothing stays, and of the others of its task everything', async () => {
  const task = await running(2);
  await settlementOf()(task, { error: broken });
  expect(await attemptsOf(task)).toEqual(['1']);
  expect(await files.list(layout.scratch)).toEqual([`${task.taskId}.1`]);
  const only = await running();
  await settlementOf()(only, { error: broken });
  expect(await files.list(layout.results)).toEqual([task.taskId]);
});

test('that a child died is an error in the log, unless a stop or a cancel ended it', async () => {
  const levels: string[] = [];
  const note = (level: string) => (_facts: object, message: string) => {
    if (message === 'an attempt failed') levels.push(level);
  };
  const log = { info: note('info'), warn: note('warn'), error: note('error') } as unknown as Log;
  const settlement = makeSettlement({ log });
  const settle = async (cancelled: boolean) =>
    settlement.settle(await running(), { error: died }, { stages: new StageClock(disk.clock), cancelled });
  await settle(false);
  await settle(true);
  settlement.stop();
  await settle(false);
  expect(levels).toEqual(['error', 'info', 'info']);
});
