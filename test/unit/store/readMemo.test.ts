import { beforeEach, describe, expect, test } from 'vitest';
import { createReadMemo } from '../../../src/store/readMemo.ts';
import { newTask } from '../../support/newTask.ts';
import { openStoreOnDisk, type StoreOnDisk } from '../../support/storeOnDisk.ts';

describe('what was read', () => {
  let revision = 1;
  let reads: string[];
  const readingOf = (key: string, value?: unknown) => () => {
    reads.push(key);
    return value;
  };

  beforeEach(() => {
    reads = [];
  });

  test('is remembered until something is written', () => {
    const memo = createReadMemo(() => revision);
    expect([
      memo('a', readingOf('a', 1)),
      memo('a', readingOf('a', 2)),
      memo('b', readingOf('b', 3)),
    ]).toEqual([1, 1, 3]);
    revision += 1;
    expect(memo('a', readingOf('a', 4))).toBe(4);
    expect(reads).toEqual(['a', 'b', 'a']);
  });

  test('is not remembered when it is nothing, nor without an end', () => {
    const memo = createReadMemo(() => revision);
    memo('gone', readingOf('gone'));
    memo('gone', readingOf('gone'));
    expect(reads).toEqual(['gone', 'gone']);
    for (let key = 0; key < 2_000; key += 1) memo(String(key), readingOf('many', key));
    expect(memo('0', readingOf('first', 'read anew'))).toBe('read anew');
  });
});

describe('a task that is asked for again and again', () => {
  let disk: StoreOnDisk;

  beforeEach(async () => {
    disk = await openStoreOnDisk();
    return () => disk.dispose();
  });

  test('is shown as the last write left it, and only to its owner', async () => {
    const { taskId } = await disk.store.accept(newTask({ owner: 'me' }), 10);
    expect(await disk.store.find(taskId, 'me')).toMatchObject({ status: 'pending' });
    expect(await disk.store.find(taskId, 'you')).toBeUndefined();
    await disk.store.claimNext(() => ({ id: 'worker-0', device: 'cpu' }));
    expect(await disk.store.find(taskId, 'me')).toMatchObject({ status: 'processing', attempt: 1 });
    await disk.store.markDeleted(taskId, 'me');
    expect(await disk.store.find(taskId, 'me')).toBeUndefined();
  });
});
