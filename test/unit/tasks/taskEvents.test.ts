import { and, eq } from 'drizzle-orm';
import { beforeEach, describe, expect, test } from 'vitest';
import { events } from '../../../src/queue/sqlite/schema.ts';
import { completion, failure, newTask, POISON } from '../../support/newTask.ts';
import { openQueueOnDisk, type QueueOnDisk } from '../../support/queueOnDisk.ts';
import { claim as claimFirst } from '../../support/claim.ts';
import { attemptOf } from '../../support/attemptOf.ts';
import { acceptTask } from '../../support/acceptTask.ts';

const WORKER = { id: 'worker-0', device: 'cpu' };
const REQUEUE = { outcome: 'worker_died', countsAsFailure: true, notBefore: null } as const;

let disk: QueueOnDisk;

beforeEach(async () => {
  disk = await openQueueOnDisk();
  return () => disk.dispose();
});

const accept = async (owner: string | null = null) =>
  (await acceptTask(disk.queue, newTask({ owner }), 100)).taskId;
const claim = () => claimFirst(disk.queue);
const rows = (owner = '') =>
  disk.database.orm.select().from(events).where(eq(events.owner, owner)).orderBy(events.number).all();
const typesOf = (taskId: string) =>
  disk.database.orm
    .select({ type: events.type })
    .from(events)
    .where(eq(events.taskId, taskId))
    .orderBy(events.number)
    .all()
    .map(({ type }) => type);
const announcedTypes = () => disk.announced.map(({ type }) => type);

describe('every change of a task', () => {
  test('is written beside it and announced once, with the task as the change left it', async () => {
    const taskId = await accept();
    await claim();
    await disk.queue.requeue(attemptOf(taskId, 1), REQUEUE);
    await claim();
    await disk.queue.finish(attemptOf(taskId, 2), { ...completion(taskId, 2), warnings: ['it clips'] });
    const types = ['task.queued', 'task.started', 'task.requeued', 'task.started', 'task.completed'];
    expect(typesOf(taskId)).toEqual(types);
    expect(announcedTypes()).toEqual(types);
    expect(disk.announced.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5]);
    expect(disk.announced.map(({ task }) => [task.status, task.attempt])).toEqual([
      ['pending', 0],
      ['processing', 1],
      ['pending', 1],
      ['processing', 2],
      ['completed', 2],
    ]);
    expect(disk.announced.at(-1)?.task).toEqual(await disk.queue.find(taskId, null));
    expect(disk.announced.map(({ facts }) => facts)).toEqual([
      {},
      { workerId: 'worker-0' },
      { outcome: 'worker_died' },
      { workerId: 'worker-0' },
      {},
    ]);
  });

  test('is one where it fails, is cancelled, expires or is deleted', async () => {
    const [failed, cancelled] = [await accept(), await accept()];
    await claim();
    await disk.queue.finish(attemptOf(failed, 1), failure());
    await disk.queue.cancel(cancelled, null, { requestId: 'r' });
    expect(disk.announced.at(-1)).toMatchObject({ facts: { requestId: 'r' }, task: { status: 'cancelled' } });
    disk.clock.advance(1_000);
    const page = { endedBefore: disk.clock.now(), after: undefined, limit: 10 };
    await disk.queue.expire({ ...page, status: 'failed' });
    await disk.queue.expire({ ...page, status: 'failed' });
    await disk.queue.markDeleted(cancelled, null, { requestId: 's' });
    await disk.queue.retire(page);
    await disk.queue.retire(page);
    expect(typesOf(failed)).toEqual([
      'task.queued',
      'task.started',
      'task.failed',
      'task.expired',
      'task.deleted',
    ]);
    expect(typesOf(cancelled)).toEqual(['task.queued', 'task.cancelled', 'task.deleted']);
    expect(disk.announced.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test('that a dead server left undone is one of the next start', async () => {
    const [requeued, poisoned] = [await accept(), await accept()];
    for (let death = 1; death <= POISON.deathsInARow; death += 1) {
      if (death === 1) await claim();
      await claimFirst(disk.queue, WORKER, ({ task }) => task.taskId === poisoned);
      disk.reopen();
      await disk.queue.reclaimExpired(Infinity, POISON);
    }
    expect(typesOf(requeued)).toEqual(['task.queued', 'task.started', 'task.requeued']);
    expect(typesOf(poisoned).slice(-2)).toEqual(['task.started', 'task.failed']);
    expect(disk.announced.at(-1)?.facts).toEqual({ outcome: 'server_died' });
  });
});

describe('no event', () => {
  test('comes of what changes nothing', async () => {
    const taskId = await accept();
    await claim();
    await disk.queue.finish(attemptOf(taskId, 1), completion(taskId, 1));
    const before = announcedTypes();
    await disk.queue.finish(attemptOf(taskId, 1), completion(taskId, 1));
    await disk.queue.requeue(attemptOf(taskId, 1), REQUEUE);
    await disk.queue.cancel(taskId, null);
    await disk.queue.cancel('of nobody', null);
    await disk.queue.markDeleted(taskId, 'somebody else');
    await claim();
    expect(announcedTypes()).toEqual(before);
    expect(rows()).toHaveLength(before.length);
  });

  test('is announced of what could not be written', async () => {
    const taskId = await accept();
    disk.database.orm.run(
      "CREATE TRIGGER refuse BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'no'); END",
    );
    await expect(claim()).rejects.toThrow('no');
    expect(announcedTypes()).toEqual(['task.queued']);
    expect(await disk.queue.statusOf(taskId)).toEqual({ status: 'pending', step: 0, attempt: 0 });
  });
});

describe('the numbers', () => {
  test("are each owner's own, from 1 and without a gap", async () => {
    for (const owner of ['ann', 'ben', 'ann', null, 'ann']) await accept(owner);
    expect(rows('ann').map(({ number }) => number)).toEqual([1, 2, 3]);
    expect(rows('ben').map(({ number }) => number)).toEqual([1]);
    expect(rows('').map(({ number }) => number)).toEqual([1]);
  });

  test('go on when every task is gone, and all but the last of them is forgotten', async () => {
    const [first, second] = [await accept('ann'), await accept('ann')];
    for (const taskId of [first, second]) {
      await disk.queue.markDeleted(taskId, 'ann');
      await disk.queue.erase(taskId);
    }
    expect(rows('ann').map(({ number, type }) => [number, type])).toEqual([
      [3, 'task.deleted'],
      [4, 'task.deleted'],
    ]);
    expect(await disk.queue.forgetDeletions(disk.clock.now(), 10)).toBe(0);
    expect(await disk.queue.forgetDeletions(disk.clock.now() + 1, 10)).toBe(1);
    expect(rows('ann').map(({ number }) => number)).toEqual([4]);
    await accept('ann');
    expect(rows('ann').map(({ number }) => number)).toEqual([4, 5]);
  });

  test('are forgotten a page at a time, and one that is the newest only later', async () => {
    for (let n = 0; n < 4; n += 1) {
      const taskId = await accept();
      await disk.queue.markDeleted(taskId, null);
      await disk.queue.erase(taskId);
    }
    const later = disk.clock.now() + 1;
    expect([await disk.queue.forgetDeletions(later, 2), await disk.queue.forgetDeletions(later, 2)]).toEqual([
      2, 1,
    ]);
    const left = await accept();
    expect(await disk.queue.forgetDeletions(later, 2)).toBe(1);
    expect(rows().map(({ taskId }) => taskId)).toEqual([left]);
  });
});

test('an erased task leaves no event but that it was deleted', async () => {
  const [gone, kept] = [await accept(), await accept()];
  await claim();
  await disk.queue.finish(attemptOf(gone, 1), completion(gone, 1));
  await disk.queue.markDeleted(gone, null);
  await disk.queue.erase(gone);
  expect(typesOf(gone)).toEqual(['task.deleted']);
  expect(typesOf(kept)).toEqual(['task.queued']);
});

test('whoever throws keeps the change from nobody else', async () => {
  const told: string[] = [];
  disk.events.subscribe(() => {
    throw new Error('told in vain');
  });
  disk.events.subscribe(({ type }) => void told.push(type));
  await accept();
  expect(told).toEqual(['task.queued']);
  const where = and(eq(events.owner, ''), eq(events.number, 1));
  expect(disk.database.orm.select().from(events).where(where).all()).toHaveLength(1);
});

test('old deletions are found by their index, however many events there are', () => {
  const plan = disk.database.orm.all<{ detail: string }>(
    "EXPLAIN QUERY PLAN SELECT number FROM events WHERE type = 'task.deleted' AND at < 5 ORDER BY at LIMIT 100",
  );
  expect(plan.map(({ detail }) => detail)).toEqual(['SEARCH events USING INDEX events_of_deletions (at<?)']);
});
