import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { attempts, inputs, stems, tasks } from '../../../../src/queue/sqlite/schema.ts';
import type { NewTask, TaskQueue } from '../../../../src/queue/taskQueue.ts';
import type { Task } from '../../../../src/tasks/task.ts';
import { completion, failure, newTask, POISON } from '../../../support/newTask.ts';
import { openQueueOnDisk, type QueueOnDisk } from '../../../support/queueOnDisk.ts';
import { claim as claimFirst } from '../../../support/claim.ts';
import { attemptOf } from '../../../support/attemptOf.ts';
import { acceptTask } from '../../../support/acceptTask.ts';

const WORKER = { id: 'worker-0', device: 'cpu' };
const LOST = { outcome: 'worker_died', countsAsFailure: true, notBefore: null } as const;

let disk: QueueOnDisk;
let queue: TaskQueue;
beforeEach(async () => {
  disk = await openQueueOnDisk();
  ({ queue } = disk);
});
afterEach(() => disk.dispose());

const accept = (given: Partial<NewTask> = {}): Promise<Task> => acceptTask(queue, newTask(given), 1000);

async function acceptSeveral(howMany: number, given: Partial<NewTask> = {}): Promise<Task[]> {
  const accepted: Task[] = [];
  for (let i = 0; i < howMany; i += 1) accepted.push(await accept(given));
  return accepted;
}

async function claim(): Promise<Task> {
  const task = await claimFirst(queue);
  if (!task) throw new Error('nothing to claim');
  return task;
}

const attemptRows = () => disk.database.orm.select().from(attempts).all();
const inputRows = () => disk.database.orm.select().from(inputs).all();
const taskRows = () => disk.database.orm.select().from(tasks).all();

describe('the lease of an attempt', () => {
  const leases = () => taskRows().map(({ leaseUntil }) => leaseUntil);

  test('is written with the claim, renewed for as long as the attempt is the current one, and ends with it', async () => {
    const [first, second] = (await acceptSeveral(2)) as [Task, Task];
    for (const task of [first, second]) await queue.claim(task, WORKER, 1_000);
    expect(leases()).toEqual([1_000, 1_000]);
    await queue.renew(
      [
        { ...first, attempt: 1 },
        { ...second, attempt: 0 },
      ],
      2_000,
    );
    expect(leases()).toEqual([2_000, 1_000]);
    await queue.finish(attemptOf(first.taskId, 1), completion(first.taskId, 1));
    await queue.requeue(attemptOf(second.taskId, 1), LOST);
    await queue.renew(
      [
        { ...first, attempt: 1 },
        { ...second, attempt: 1 },
      ],
      3_000,
    );
    expect(leases()).toEqual([null, null]);
  });

  test('that an older server did not write has ended', async () => {
    await accept();
    await claim();
    disk.database.orm.update(tasks).set({ leaseUntil: null }).run();
    expect(await queue.reclaimExpired(0, POISON)).toHaveLength(1);
  });
});

describe('a task is no worker’s any more', () => {
  test.each<[string, (taskId: string) => Promise<unknown>]>([
    ['completed', (taskId) => queue.finish(attemptOf(taskId, 1), completion(taskId, 1))],
    ['failed', (taskId) => queue.finish(attemptOf(taskId, 1), failure())],
    ['requeued', (taskId) => queue.requeue(attemptOf(taskId, 1), LOST)],
    ['cancelled', (taskId) => queue.cancel(taskId, null)],
    ['lost with the server', () => queue.reclaimExpired(Infinity, POISON)],
    [
      'lost with the server once too often',
      () => queue.reclaimExpired(Infinity, { ...POISON, deathsInARow: 1 }),
    ],
  ])('once it is %s, and its attempt has an end', async (_, end) => {
    const { taskId } = await accept();
    await claim();
    disk.clock.advance(1_000);
    await end(taskId);
    expect(taskRows()).toMatchObject([{ claimedBy: null, notBefore: null, version: 3 }]);
    expect(attemptRows()).toMatchObject([{ endedAt: disk.clock.now() }]);
  });

  test('the claim of a task that waited for its time ends the wait', async () => {
    const { taskId } = await accept();
    await claim();
    await queue.requeue(attemptOf(taskId, 1), { ...LOST, notBefore: disk.clock.now() });
    await claim();
    expect(taskRows()).toMatchObject([{ claimedBy: 'worker-0', notBefore: null }]);
  });
});

describe('deleting', () => {
  test('keeps an input that another task uses', async () => {
    const task = await accept();
    const { database } = disk;
    const row = database.orm.select().from(tasks).get()!;
    database.orm
      .insert(tasks)
      .values({ ...row, seq: row.seq + 1, taskId: randomUUID() })
      .run();
    await queue.erase(task.taskId);
    expect(await queue.hasInput(task.mixture.inputId)).toBe(true);
    expect(database.orm.select().from(inputs).all()).toHaveLength(1);
  });
});

describe('what is over', () => {
  /** Tasks that have failed, one after the other, a second between. */
  async function failed(howMany: number): Promise<Task[]> {
    const accepted = await acceptSeveral(howMany);
    for (const { taskId } of accepted) {
      await claim();
      disk.clock.advance(1_000);
      await queue.finish(attemptOf(taskId, 1), failure());
    }
    return Promise.all(accepted.map(async ({ taskId }) => (await queue.find(taskId, null))!));
  }
  const page = (limit = 9, after?: Task) => ({ endedBefore: disk.clock.now() + 1, after, limit });
  const ids = (tasksOfPage: readonly Task[]) => tasksOfPage.map(({ taskId }) => taskId);

  test('expires once: a second pass gives it back, and changes nothing of it, until its files are gone', async () => {
    const [task] = (await failed(1)) as [Task];
    const expire = () => queue.expire({ ...page(), status: 'failed' });
    expect(ids(await expire())).toEqual([task.taskId]);
    const expired = (await queue.find(task.taskId, null))!;
    expect(expired).toEqual({ ...task, filesExpiredAt: disk.clock.now(), version: task.version + 1 });
    disk.clock.advance(1_000);
    expect(ids(await expire())).toEqual([task.taskId]);
    expect(await queue.find(task.taskId, null)).toEqual(expired);
    expect(ids(await queue.ended({ ...page(), status: 'failed' }))).toEqual([task.taskId]);
    await queue.markFilesRemoved(task.taskId);
    expect(taskRows()).toMatchObject([{ filesRemovedAt: disk.clock.now() }]);
    expect([await expire(), await queue.ended({ ...page(), status: 'failed' })]).toEqual([[], []]);
  });

  test('and has not expired keeps its files, whoever says that they are gone', async () => {
    const [task] = (await failed(1)) as [Task];
    await queue.markFilesRemoved(task.taskId);
    expect(taskRows()).toMatchObject([{ filesRemovedAt: null }]);
  });

  test('is retired whatever its status, and what was hidden before is given back as it was', async () => {
    const [one, two] = (await failed(2)) as [Task, Task];
    const waiting = await accept();
    await queue.markDeleted(one.taskId, null);
    const hiddenAt = disk.clock.now();
    disk.clock.advance(1_000);
    expect(ids(await queue.ended(page()))).toEqual([one.taskId, two.taskId]);
    expect(ids(await queue.retire(page()))).toEqual([one.taskId, two.taskId]);
    expect(taskRows().map(({ deletedAt }) => deletedAt)).toEqual([hiddenAt, disk.clock.now(), null]);
    expect(await queue.find(two.taskId, null)).toBeUndefined();
    expect(await queue.find(waiting.taskId, null)).toBeDefined();
  });
});

test('a mixture is kept with its owner and since when', async () => {
  const task = await accept({ owner: 'me' });
  expect(inputRows()).toEqual([{ ...task.mixture, owner: 'me', createdAt: disk.clock.now() }]);
});

test('the stems of an attempt are rows of its step, in their order', async () => {
  const { taskId } = await accept();
  await claim();
  await queue.finish(attemptOf(taskId, 1), completion(taskId, 1));
  const rows = disk.database.orm.select().from(stems).all();
  expect(rows.map(({ step, position, attempt }) => [step, position, attempt])).toEqual([
    [0, 0, 1],
    [0, 1, 1],
  ]);
});

test('a claim and a cancel leave in the row who and when', async () => {
  const { taskId } = await accept();
  await claim();
  expect(taskRows()).toMatchObject([{ claimedBy: 'worker-0', cancelRequestedAt: null }]);
  await queue.cancel(taskId, null);
  expect(taskRows()).toMatchObject([{ claimedBy: null, cancelRequestedAt: disk.clock.now() }]);
});
