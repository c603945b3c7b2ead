/** What came with an idempotency key, and comes again with it. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { AppError } from '../../../src/errors.ts';
import type { Probe } from '../../../src/service/taskService.ts';
import { defaultOptions } from '../../support/newTask.ts';
import { starterModel } from '../../support/starterModel.ts';
import { FOUND, openServiceOnDisk, type ServiceOnDisk } from '../../support/taskServiceOnDisk.ts';
import { attemptOf } from '../../support/attemptOf.ts';

const keyed = { owner: 'ann', idempotencyKey: 'mine' };

let on: ServiceOnDisk;
beforeEach(async () => {
  on = await openServiceOnDisk();
});
afterEach(() => on.disk.dispose());

const probing = () => vi.fn<Probe>(async () => ({ ...FOUND, waitedMs: 70 }));

test('a submission that comes again is given its task, and its file is not kept, nor looked into', async () => {
  const probe = probing();
  const service = on.service({ probe });
  const first = await on.submitTo(service, keyed);
  expect(first).toMatchObject({ isRepeat: false, waitedMs: 70 });
  const again = await on.submitTo(service, { ...keyed, filename: 'the same by another name.mp3' });
  expect(again).toEqual({ ...first, isRepeat: true, waitedMs: 0 });
  expect(probe).toHaveBeenCalledOnce();
  expect(await on.files.list('inputs')).toEqual([first.task.mixture.inputId]);
  expect(on.told).toEqual([first.task.taskId]);
});

test('without a key each one is a task', async () => {
  const service = on.service();
  const tasks = [await on.submitTo(service), await on.submitTo(service)];
  expect(new Set(tasks.map(({ task }) => task.taskId)).size).toBe(2);
  expect(tasks.map(({ isRepeat }) => isRepeat)).toEqual([false, false]);
});

test.each([
  ['file', { content: 'other audio' }],
  ['model', { model: starterModel({ name: 'other' }) }],
  ['options', { options: { ...defaultOptions, useTta: true } }],
])('the key of one submission with another %s is refused, and changes nothing', async (_, other) => {
  const service = on.service();
  const first = await on.submitTo(service, keyed);
  await expect(on.submitTo(service, { ...keyed, ...other })).rejects.toMatchObject({
    code: 'IDEMPOTENCY_KEY_REUSED',
    message: expect.stringContaining('Use a new key for each new submission.'),
  });
  expect(await service.find(first.task.taskId, 'ann')).toMatchObject({ task: first.task });
  expect(await on.disk.queue.countByStatus()).toMatchObject({ pending: 1 });
});

test('of two that come at once one makes the task; the other is told of it, and its file goes', async () => {
  // Neither is told of the other before both were looked into.
  let looked = 0;
  let goOn: () => void = () => undefined;
  const both = new Promise<void>((resolve) => (goOn = resolve));
  const service = on.service({
    probe: async () => {
      looked += 1;
      if (looked === 2) goOn();
      await both;
      return { ...FOUND, waitedMs: 70 };
    },
  });
  const views = await Promise.all([on.submitTo(service, keyed), on.submitTo(service, keyed)]);
  expect(new Set(views.map(({ task }) => task.taskId)).size).toBe(1);
  expect(views.map(({ isRepeat }) => isRepeat).sort()).toEqual([false, true]);
  expect(await on.files.list('inputs')).toEqual([views[0].task.mixture.inputId]);
  expect(on.told).toHaveLength(1);
});

test('is admitted to a full queue, by its own key of its own owner', async () => {
  const service = on.service({ limits: { maxQueueSize: 1 } });
  const { task } = await on.submitTo(service, keyed);
  expect(await service.admit(1, keyed)).toBe(task.taskId);
  for (const stranger of [
    undefined,
    { owner: 'ann', idempotencyKey: undefined },
    { owner: 'ann', idempotencyKey: 'another' },
    { owner: 'ben', idempotencyKey: 'mine' },
    { owner: null, idempotencyKey: 'mine' },
  ])
    await expect(service.admit(1, stranger)).rejects.toMatchObject({ code: 'QUEUE_FULL' });
});

test('a key whose task was deleted after it was admitted makes a new task', async () => {
  const service = on.service();
  const { task } = await on.submitTo(service, keyed);
  const earlierTaskId = await service.admit(1, keyed);
  await service.remove(task.taskId, 'ann');
  const again = await on.submitTo(service, { ...keyed, earlierTaskId });
  expect(again.isRepeat).toBe(false);
  expect(again.task.taskId).not.toBe(task.taskId);
});

test('a full queue that is only found at the end is told with a time to come back, and other troubles as they are', async () => {
  on.progress.begin(attemptOf('running', 1), 40);
  const full = on.submitTo(on.service({ queue: { accept: async () => 'full' } }));
  await expect(full).rejects.toMatchObject({
    code: 'QUEUE_FULL',
    message: 'The queue is full: 2 tasks are waiting. Try again later.',
    hints: { retryAfterSeconds: 40 },
  });
  for (const other of [new AppError('INVALID_AUDIO', 'no audio'), new Error('SQLITE_IOERR')]) {
    const service = on.service({ queue: { accept: () => Promise.reject(other) } });
    await expect(on.submitTo(service)).rejects.toBe(other);
  }
});
