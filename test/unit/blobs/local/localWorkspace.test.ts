import { readdir, statfs, utimes } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Workspace } from '../../../../src/blobs/workspace.ts';
import { attemptOf } from '../../../support/attemptOf.ts';
import { openDataFolder, type DataFolder } from '../../../support/dataFolder.ts';
import { temporaryFolder } from '../../../support/temporaryFolder.ts';

let root: string;
let files: DataFolder;
let workspace: Workspace;
beforeEach(async () => {
  root = await temporaryFolder();
  files = openDataFolder(root);
  ({ workspace } = files);
});
const attempt = attemptOf('song', 2);

test('a blob is used where it lies', async () => {
  expect(await workspace.localPath('inputs/1/mixture.wav')).toBe(path.join(root, 'inputs/1/mixture.wav'));
  await expect(workspace.localPath('../x')).rejects.toThrow('a storage key leaves its store');
});

describe('the folders of an attempt', () => {
  test('are made empty, whatever lay there', async () => {
    await files.put('results/song/2/left.wav');
    await files.put('tmp/song.2/mixture.wav');
    expect(await workspace.openAttempt(attempt)).toEqual({
      stems: path.join(root, 'results/song/2'),
      scratch: path.join(root, 'tmp/song.2/work'),
    });
    expect([await files.list('results/song/2'), await files.list('tmp/song.2')]).toEqual([[], ['work']]);
    expect(await files.list('tmp/song.2/work')).toEqual([]);
  });

  test('are removed one by one, and the folder of the task with the last stems in it', async () => {
    await workspace.openAttempt(attempt);
    await files.put('results/song/1/drums.wav');
    await workspace.removeStems(attempt);
    expect(await files.list('results/song')).toEqual(['1']);
    await workspace.removeStems(attemptOf('song', 1));
    await workspace.removeStems(attemptOf('song', 1));
    expect(await files.list('results')).toEqual([]);
    await workspace.removeScratch(attempt);
    expect(await files.list('tmp')).toEqual([]);
  });
});

test("a staged mixture has a folder of its own, which is its task's", async () => {
  await files.put('tmp/song.staged/left.wav');
  expect(await workspace.openStaged('song')).toBe(path.join(root, 'tmp/song.staged/mixture.wav'));
  expect(await files.list('tmp/song.staged')).toEqual([]);
  expect((await workspace.scratch.list()).map((name) => workspace.scratch.taskOf(name))).toEqual(['song']);
  await workspace.removeStaged('song');
  expect(await files.list('tmp')).toEqual([]);
});

describe('publishing', () => {
  test('gives every stem its key', async () => {
    await files.put('results/song/2/drums.wav', 'four');
    const stem = { filename: 'drums.wav', bytes: 4, instrument: 'drums' };
    expect(await workspace.publish(attempt, [stem])).toEqual([
      { ...stem, storageKey: 'results/song/2/drums.wav' },
    ]);
  });

  test.each([
    ['is missing', 'bass.wav', 4],
    ['has another size', 'drums.wav', 5],
  ])('refuses a stem that %s', async (_, filename, bytes) => {
    await files.put('results/song/2/drums.wav', 'four');
    await expect(workspace.publish(attempt, [{ filename, bytes }])).rejects.toThrow(
      `the stem ${filename} is not as the worker reported it`,
    );
  });
});

describe('scratch folders', () => {
  test('tell their task and their age, and are removed by name', async () => {
    await workspace.openAttempt(attempt);
    await utimes(path.join(root, 'tmp/song.2'), 1000, 1000);
    const { scratch } = workspace;
    const [name = ''] = await scratch.list();
    expect([scratch.taskOf(name), await scratch.modifiedAt(name)]).toEqual(['song', 1_000_000]);
    await scratch.remove(name);
    expect(await scratch.modifiedAt(name)).toBeUndefined();
  });

  test('are cleared all at once', async () => {
    for (const each of [1, 2]) await workspace.openAttempt(attemptOf('song', each));
    await workspace.scratch.clear();
    expect(await readdir(path.join(root, 'tmp'))).toEqual([]);
  });
});

test('the free space is that of the disk', async () => {
  const { bavail, bsize } = await statfs(root);
  const free = await workspace.freeBytes();
  // Others write meanwhile.
  expect(Math.abs(free - bavail * bsize)).toBeLessThan(0.5 * bavail * bsize);
});
