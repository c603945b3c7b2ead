/** Whatever is told of an end, and whoever throws then: files that the row names stay. */
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Log } from '../../../../src/log/log.ts';
import { createSettlement, type SettlementParts } from '../../../../src/scheduler/attempt/settlement.ts';
import { openDataFolder, type DataFolder } from '../../../support/dataFolder.ts';
import { layout } from '../../../../src/blobs/layout.ts';
import { StageClock } from '../../../../src/tasks/stageClock.ts';
import type { Task } from '../../../../src/tasks/task.ts';
import { ChildDied, ChildFailure, WorkerHung } from '../../../../src/workers/process/childErrors.ts';
import { completion, failure, newTask } from '../../../support/newTask.ts';
import { openQueueOnDisk, type QueueOnDisk } from '../../../support/queueOnDisk.ts';
import { temporaryFolder } from '../../../support/temporaryFolder.ts';
import { claim } from '../../../support/claim.ts';
import { attemptOf } from '../../../support/attemptOf.ts';
import { noStaging } from '../../../support/noStaging.ts';
import { acceptTask } from '../../../support/acceptTask.ts';

const throws = () => {
  throw new Error('told in vain');
};
const silent = { info() {}, warn() {}, error() {} } as unknown as Log;
const throwing = { info: throws, warn: throws, error: throws } as unknown as Log;
const died = new ChildDied({ exitCode: 1, signal: null });
const broken = new ChildFailure('MODEL_UNAVAILABLE', 'It does not load.', null);

const reject = () => Promise.reject(new Error('stuck'));
const stuck = { removeScratch: reject, removeStems: reject };

let disk: QueueOnDisk;
let files: DataFolder;

beforeEach(async () => {
  disk = await openQueueOnDisk();
  files = openDataFolder(await temporaryFolder());
  return () => disk.dispose();
});

/** A task whose attempt of this number runs and has written what it wrote. */
async function running(attempts = 1): Promise<Task> {
  const { taskId } = await acceptTask(disk.queue, newTask(), 10);
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    await claim(disk.queue);
    await files.createFolder(`${layout.attempt(taskId, attempt)}/drums.wav`);
    await files.createFolder(`tmp/${taskId}.${String(attempt)}`);
    if (attempt < attempts)
      await disk.queue.requeue(attemptOf(taskId, attempt), {
        outcome: 'worker_died',
        countsAsFailure: true,
        notBefore: null,
      });
  }
  return (await disk.queue.find(taskId, null)) as Task;
}

const makeSettlement = (given: Partial<SettlementParts> = {}) =>
  createSettlement({
    queue: disk.queue,
    workspace: files.workspace,
    staging: noStaging,
    maxAttempts: 3,
    retryDelayMs: 0,
    onModelUnavailable: () => undefined,
    now: () => disk.clock.now(),
    log: silent,
    ...given,
  });

function settlementOf(given: Partial<SettlementParts> = {}, cancelled = false) {
  const settlement = makeSettlement(given);
  return (task: Task, outcome: Parameters<typeof settlement.settle>[1]) =>
    settlement.settle(task, outcome, { stages: new StageClock(disk.clock), cancelled });
}

/** A log, and the facts of each of its lines. */
function keptLines() {
  const lines: Record<string, unknown>[] = [];
  const keep = (level: string) => (facts: object) => void lines.push({ level, ...facts });
  return { lines, log: { info: keep('info'), warn: keep('warn'), error: keep('error') } as unknown as Log };
}

/** The changes that were announced and end a task. */
const ends = () =>
  disk.announced.filter(({ type }) => ['task.completed', 'task.failed', 'task.cancelled'].includes(type));

const attemptsOf = (task: Task) => files.list(layout.task(task.taskId));
const statusOf = async ({ taskId }: Task) => (await disk.queue.find(taskId, null))?.status;

describe('the stems of a completed task stay', () => {
  test.each<[string, Partial<SettlementParts>]>([
    ['the log throws', { log: throwing }],
    ['nothing can be removed', { workspace: stuck }],
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
    const queue = {
      ...disk.queue,
      async finish(...end: Parameters<typeof disk.queue.finish>) {
        const isWritten = await disk.queue.finish(...end);
        told += 1;
        if (told === 1) throws();
        return isWritten;
      },
    };
    await settlementOf({ queue })(task, { result: completion(task.taskId, 1) });
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
    ['the log throws', { log: throwing, onModelUnavailable: throws }],
    ['nothing can be removed', { workspace: stuck, log: throwing }],
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
  expect(await files.list('tmp')).toEqual([`${task.taskId}.1`]);
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

describe('the end of an attempt', () => {
  test('completes its task, and is announced so', async () => {
    const task = await running();
    await settlementOf()(task, { result: completion(task.taskId, 1) });
    expect(ends()).toMatchObject([
      { type: 'task.completed', task: { taskId: task.taskId, processingSeconds: 2.5 } },
    ]);
  });

  test('that is a failure of its own fails its task; nothing of it stays', async () => {
    const task = await running();
    await settlementOf()(task, { result: failure() });
    expect(await statusOf(task)).toBe('failed');
    expect(await files.list(layout.results)).toEqual([]);
    const reason = { code: 'SEPARATION_FAILED', message: 'The model failed.' };
    expect(ends()).toMatchObject([{ type: 'task.failed', task: { failure: reason } }]);
  });

  test('that the worker told stands in the log with where it broke and after how long', async () => {
    const { lines, log } = keptLines();
    const task = await running();
    const error = new ChildFailure('INVALID_AUDIO', 'It is noise.', 'Traceback: …');
    const stages = new StageClock(disk.clock);
    disk.clock.advance(2_500);
    await makeSettlement({ log }).settle(task, { error }, { stages, cancelled: false });
    const decision = {
      next: 'fail',
      failure: { code: 'INVALID_AUDIO', message: 'It is noise.' },
      countsAsFailure: true,
    };
    const { taskId } = task;
    const timed = { processingSeconds: 2.5, stageSeconds: { loading_model: 2.5 } };
    expect(lines).toEqual([
      { level: 'error', taskId, attempt: 1, err: error, traceback: 'Traceback: …', decision, ...timed },
    ]);
    expect(ends()).toMatchObject([
      { type: 'task.failed', task: { failure: decision.failure, processingSeconds: 2.5 } },
    ]);
  });

  test('whose worker died puts its task back into the queue', async () => {
    const task = await running();
    await settlementOf()(task, { error: died });
    expect(disk.announced.at(-1)).toMatchObject({
      type: 'task.requeued',
      task: { taskId: task.taskId, attempt: 1 },
      facts: { outcome: 'worker_died' },
    });
    expect(ends()).toEqual([]);
  });

  test('changes nothing where its task has moved on', async () => {
    const task = await running();
    await disk.queue.cancel(task.taskId, null);
    const settle = settlementOf();
    await settle(task, { result: completion(task.taskId, 1) });
    await settle(task, { result: failure() });
    await settle(task, { error: died });
    expect(ends()).toMatchObject([{ type: 'task.cancelled' }]);
    expect(disk.announced.at(-1)).toMatchObject({ type: 'task.cancelled' });
    expect(await statusOf(task)).toBe('cancelled');
  });

  test('whose files cannot be removed tells the log whose they are', async () => {
    const { lines, log } = keptLines();
    const task = await running();
    await settlementOf({ log, workspace: stuck })(task, { result: failure() });
    const line = { level: 'warn', taskId: task.taskId, err: new Error('stuck') };
    expect(lines).toEqual([line, line]);
  });
});

test('a model is unavailable where a worker says so, and for no other failure', async () => {
  const onModelUnavailable = vi.fn();
  const settle = settlementOf({ onModelUnavailable });
  await settle(await running(), { error: new ChildFailure('SEPARATION_FAILED', 'It failed.', null) });
  await settle(await running(), { error: new Error('ours') });
  expect(onModelUnavailable).not.toHaveBeenCalled();
  await settle(await running(), { error: broken });
  expect(onModelUnavailable.mock.calls).toEqual([['starter', 'It does not load.']]);
});

test('a failure took the time since its attempt began, and never less than none', async () => {
  const secondsAfter = async (milliseconds: number) => {
    const task = await running();
    disk.clock.advance(milliseconds);
    await settlementOf()(task, { error: broken });
    return (await disk.queue.find(task.taskId, null))?.processingSeconds;
  };
  expect(await secondsAfter(2_500)).toBe(2.5);
  // The clock of the machine was set back.
  expect(await secondsAfter(-2_500)).toBe(0);
});

test('after a hang its task waits for a moment, after a death it may begin at once', async () => {
  const requeue = vi.fn(disk.queue.requeue);
  const settle = settlementOf({ queue: { ...disk.queue, requeue }, retryDelayMs: 4_000 });
  const hung = await running();
  await settle(hung, { error: new WorkerHung('stalled', died) });
  const dead = await running();
  await settle(dead, { error: died });
  expect(requeue.mock.calls).toMatchObject([
    [
      attemptOf(hung.taskId, 1),
      { outcome: 'hung', countsAsFailure: true, notBefore: disk.clock.now() + 4_000 },
    ],
    [attemptOf(dead.taskId, 1), { outcome: 'worker_died', countsAsFailure: true, notBefore: null }],
  ]);
});

test('of an attempt that a cancel ended nothing is written, for its status says so already', async () => {
  const [finish, requeue] = [vi.fn(disk.queue.finish), vi.fn(disk.queue.requeue)];
  const task = await running();
  await disk.queue.cancel(task.taskId, null);
  await settlementOf({ queue: { ...disk.queue, finish, requeue } }, true)(task, { error: died });
  expect([finish.mock.calls, requeue.mock.calls]).toEqual([[], []]);
  expect(await files.list(layout.results)).toEqual([]);
});

test('of a task that was erased meanwhile nothing stays', async () => {
  const task = await running();
  await disk.queue.markDeleted(task.taskId, null);
  await disk.queue.erase(task.taskId);
  await settlementOf()(task, { result: completion(task.taskId, 1) });
  expect(await files.list(layout.results)).toEqual([]);
});

test('what cannot be written while the server stops is told, and left to the next start', async () => {
  const { lines, log } = keptLines();
  const refused = new Error('SQLITE_IOERR');
  const finish = vi.fn(() => Promise.reject(refused));
  const settlement = makeSettlement({ log, queue: { ...disk.queue, finish } });
  settlement.stop();
  const task = await running();
  const how = { stages: new StageClock(disk.clock), cancelled: false };
  await settlement.settle(task, { result: completion(task.taskId, 1) }, how);
  expect(finish).toHaveBeenCalledOnce();
  expect(lines).toEqual([{ level: 'error', err: refused }]);
  expect(ends()).toEqual([]);
  expect(await statusOf(task)).toBe('processing');
});
