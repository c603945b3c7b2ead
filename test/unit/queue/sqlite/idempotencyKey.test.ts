import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newTask } from '../../../support/newTask.ts';
import { openQueueOnDisk, type QueueOnDisk } from '../../../support/queueOnDisk.ts';
import { acceptTask } from '../../../support/acceptTask.ts';

let disk: QueueOnDisk;
beforeEach(async () => {
  disk = await openQueueOnDisk();
});
afterEach(() => disk.dispose());

const keyed = (given: Parameters<typeof newTask>[0] = {}) => newTask({ idempotencyKey: 'mine', ...given });

test.each([null, 'ann'])('a key of owner %s gives one task, before and after a restart', async (owner) => {
  const first = await acceptTask(disk.queue, keyed({ owner }), 10);
  expect(await acceptTask(disk.queue, keyed({ owner }), 10)).toEqual(first);
  disk.reopen();
  expect(await acceptTask(disk.queue, keyed({ owner }), 10)).toEqual(first);
  expect(await disk.queue.findByKey('mine', owner)).toEqual(first);
  expect(await disk.queue.countByStatus()).toMatchObject({ pending: 1 });
});

test('many at once under one key are one task, and leave one mixture', async () => {
  const tasks = Array.from({ length: 20 }, () => keyed());
  const accepted = await Promise.all(tasks.map((task) => acceptTask(disk.queue, task, 10)));
  expect(new Set(accepted.map(({ taskId }) => taskId))).toEqual(new Set([tasks[0]?.taskId]));
  const stored = await Promise.all(tasks.map(({ mixture }) => disk.queue.hasInput(mixture.inputId)));
  expect(stored).toEqual([true, ...Array<boolean>(19).fill(false)]);
});

test('a key is nobody else’s: not of another owner, and not of tasks without a key', async () => {
  const ids = new Set<string>();
  for (const owner of [null, 'ann', 'ben', '']) {
    ids.add((await acceptTask(disk.queue, keyed({ owner }), 10)).taskId);
    ids.add((await acceptTask(disk.queue, newTask({ owner }), 10)).taskId);
  }
  expect(ids.size).toBe(8);
  expect(await disk.queue.findByKey('mine', 'eve')).toBeUndefined();
});

test('a task that came before is given also while the queue is full', async () => {
  const first = await acceptTask(disk.queue, keyed(), 1);
  expect(await disk.queue.accept(newTask(), 1)).toBe('full');
  expect(await acceptTask(disk.queue, keyed(), 1)).toEqual(first);
});

test('deletion frees the key at once, before the files are gone', async () => {
  const first = await acceptTask(disk.queue, keyed(), 10);
  await disk.queue.markDeleted(first.taskId, null);
  expect(await disk.queue.findByKey('mine', null)).toBeUndefined();
  const second = await acceptTask(disk.queue, keyed(), 10);
  expect(second.taskId).not.toBe(first.taskId);
  await disk.queue.erase(first.taskId);
  expect(await disk.queue.findByKey('mine', null)).toEqual(second);
});

test.each([null, 'ann'])(
  'the database itself takes no second task of a key of owner %s, whoever writes it',
  async (owner) => {
    const { taskId } = await acceptTask(disk.queue, keyed({ owner }), 10);
    const { orm } = disk.database;
    const copy = () =>
      orm.run(`INSERT INTO tasks (task_id, owner, input_id, plan, status, created_at, idempotency_key)
        SELECT '${randomUUID()}', owner, input_id, plan, status, created_at, idempotency_key
        FROM tasks WHERE task_id = '${taskId}'`);
    expect(copy).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/UNIQUE|Failed/) as string }),
    );
    await disk.queue.markDeleted(taskId, owner);
    expect(copy).not.toThrow();
  },
);
