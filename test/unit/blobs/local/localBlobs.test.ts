import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import type { BlobStore } from '../../../../src/blobs/blobStore.ts';
import { createLocalBlobs } from '../../../../src/blobs/local/localBlobs.ts';
import { blobStoreConformance } from '../../../conformance/blobStore.ts';
import { temporaryFolder } from '../../../support/temporaryFolder.ts';

let root: string;
let blobs: BlobStore;
beforeEach(async () => {
  root = path.join(await temporaryFolder(), 'data');
  await mkdir(root);
  blobs = createLocalBlobs(root);
});

blobStoreConformance('a local folder', async () => createLocalBlobs(await temporaryFolder()));

test('a prefix that has a blob already is refused, and loses nothing', async () => {
  const first = await blobs.receive('inputs/1');
  first.sink.end();
  await expect(blobs.receive('inputs/1')).rejects.toMatchObject({ code: 'EEXIST' });
  expect(await blobs.list('inputs/1')).toEqual(['upload']);
});

test('a blob that cannot be begun leaves no folder', async () => {
  await writeFile(path.join(root, 'inputs'), 'in the way');
  await expect(blobs.receive('inputs/1')).rejects.toMatchObject({ code: 'ENOTDIR' });
  expect(await readdir(root)).toEqual(['inputs']);
});

test('what is in the way of a look is an error, and not taken for a file that is not there', async () => {
  await writeFile(path.join(root, 'a'), 'x');
  for (const look of [blobs.size, blobs.modifiedAt, blobs.list])
    await expect(look('a/b')).rejects.toMatchObject({ code: 'ENOTDIR' });
});

test('a folder is as old as its last write', async () => {
  await mkdir(path.join(root, 'inputs/1'), { recursive: true });
  await utimes(path.join(root, 'inputs/1'), 1000, 1000);
  expect(await blobs.modifiedAt('inputs/1')).toBe(1_000_000);
});

test('an empty folder that was left is listed and can be removed', async () => {
  await mkdir(path.join(root, 'inputs/1'), { recursive: true });
  expect(await blobs.list('inputs')).toEqual(['1']);
  await blobs.remove('inputs/1');
  expect(await blobs.list('inputs')).toEqual([]);
});
