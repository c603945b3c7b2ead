import { beforeEach, describe, expect, test } from 'vitest';
import { createReadMemo } from '../../../../src/queue/sqlite/readMemo.ts';
import { newTask } from '../../../support/newTask.ts';
import { openQueueOnDisk, type QueueOnDisk } from '../../../support/queueOnDisk.ts';
import { claim } from '../../../support/claim.ts';
import { acceptTask } from '../../../support/acceptTask.ts';

describe('what was read', () => {
  let reads: string[];
  const readingOf = (key: string, value?: unknown) => () => {
    reads.push(key);
    return value;
  };

  beforeEach(() => {
    reads = [];
  });

  test('is remembered until something changes', () => {
    const memo = createReadMemo();
    expect([
      memo.read('a', readingOf('a', 1)),
      memo.read('a', readingOf('a', 2)),
      memo.read('b', readingOf('b', 3)),
    ]).toEqual([1, 1, 3]);
    memo.forget();
    expect(memo.read('a', readingOf('a', 4))).toBe(4);
    expect(reads).toEqual(['a', 'b', 'a']);
  });

  test('is not remembered when it is nothing, nor without an end', () => {
    const memo = createReadMemo();
    memo.read('gone', readingOf('gone'));
    memo.read('gone', readingOf('gone'));
    expect(reads).toEqual(['gone', 'gone']);
    for (let key = 0; key < 2_000; key += 1) memo.read(String(key), readingOf('many', key));
    expect(memo.read('0', readingOf('first', 'read anew'))).toBe('read anew');
  });
});

describe('a task that is asked for again and again', () => {
  let disk: QueueOnDisk;

  beforeEach(async () => {
    disk = await openQueueOnDisk();
    return () => disk.dispose();
  });

  test('is shown as the last write left it, and only to its owner', async () => {
    const { taskId } = await acceptTask(disk.queue, newTask({ owner: 'me' }), 10);
    expect(await disk.queue.find(taskId, 'me')).toMatchObject({ status: 'pending' });
    expect(await disk.queue.find(taskId, 'you')).toBeUndefined();
    await claim(disk.queue);
    expect(await disk.queue.find(taskId, 'me')).toMatchObject({ status: 'processing', attempt: 1 });
    await disk.queue.markDeleted(taskId, 'me');
    expect(await disk.queue.find(taskId, 'me')).toBeUndefined();
  });
});
