/** SQLite says that it is full when it may have no more pages, as when the disk has none. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isFullDisk } from '../../../../src/disk/fullDisk.ts';
import { completion, newTask } from '../../../support/newTask.ts';
import { openQueueOnDisk, type QueueOnDisk } from '../../../support/queueOnDisk.ts';
import { claim } from '../../../support/claim.ts';
import { attemptOf } from '../../../support/attemptOf.ts';
import { acceptTask } from '../../../support/acceptTask.ts';

/** What is written is made so long that it needs pages of its own. */
const LONG = 'long '.repeat(4_000);
const full = expect.toSatisfy(isFullDisk) as unknown;

let disk: QueueOnDisk;
beforeEach(async () => {
  disk = await openQueueOnDisk();
});
afterEach(() => disk.dispose());

const fill = () => disk.database.orm.get('PRAGMA max_page_count = 1');
const makeRoom = () => disk.database.orm.get('PRAGMA max_page_count = 100000');

test('a task that finds the database full is not accepted, nor half of it; with room again it is', async () => {
  const task = newTask({ warnings: [LONG] });
  fill();
  await expect(acceptTask(disk.queue, task, 10)).rejects.toEqual(full);
  expect(await disk.queue.countByStatus()).toMatchObject({ pending: 0 });
  expect(await disk.queue.hasInput(task.mixture.inputId)).toBe(false);
  makeRoom();
  expect(await acceptTask(disk.queue, task, 10)).toMatchObject({ status: 'pending' });
});

test('a claim that finds the database full leaves the task waiting; with room again it starts, as its first attempt', async () => {
  const { taskId } = await acceptTask(disk.queue, newTask(), 10);
  const worker = { id: LONG, device: 'cpu' };
  fill();
  await expect(claim(disk.queue, worker)).rejects.toEqual(full);
  expect(await disk.queue.find(taskId, null)).toMatchObject({ status: 'pending', attempt: 0 });
  makeRoom();
  expect(await claim(disk.queue, worker)).toMatchObject({ taskId, attempt: 1 });
});

test('an end that finds the database full leaves the attempt running; with room again it is whole', async () => {
  const { taskId } = await acceptTask(disk.queue, newTask(), 10);
  await claim(disk.queue);
  const end = { ...completion(taskId, 1), warnings: [LONG] };
  fill();
  await expect(disk.queue.finish(attemptOf(taskId, 1), end)).rejects.toEqual(full);
  const task = await disk.queue.find(taskId, null);
  expect(task).toMatchObject({ status: 'processing', warnings: [] });
  expect(task && (await disk.queue.stemsOf(task))).toEqual([]);
  expect((await disk.queue.totals()).completed).toBe(0);
  makeRoom();
  expect(await disk.queue.finish(attemptOf(taskId, 1), end)).toBe(true);
  expect((await disk.queue.totals()).completed).toBe(1);
});

test('a full database can still be read, and is told as full from the first refusal until there is room', async () => {
  const { taskId } = await acceptTask(disk.queue, newTask(), 10);
  fill();
  expect(disk.database.lacksRoom()).toBe(false);
  await expect(acceptTask(disk.queue, newTask({ warnings: [LONG] }), 10)).rejects.toEqual(full);
  expect([disk.database.lacksRoom(), disk.database.lacksRoom()]).toEqual([true, true]);
  expect(disk.database.isReachable()).toBe(true);
  expect(await disk.queue.find(taskId, null)).toBeDefined();
  makeRoom();
  expect(disk.database.lacksRoom()).toBe(false);
  expect(disk.totals().size).toBe(0);
});

test('a write that fails for another reason does not make the database a full one', async () => {
  const task = newTask();
  await acceptTask(disk.queue, task, 10);
  await expect(acceptTask(disk.queue, task, 10)).rejects.toThrow();
  expect(disk.database.lacksRoom()).toBe(false);
});
