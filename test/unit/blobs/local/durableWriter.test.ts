import { open, readFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { durableWriter } from '../../../../src/blobs/local/durableWriter.ts';
import { openFolder } from '../../../../src/blobs/local/folder.ts';
import { temporaryFolder } from '../../../support/temporaryFolder.ts';

let root: string;
let handle: FileHandle;
beforeEach(async () => {
  root = await temporaryFolder();
  const file = await open(path.join(root, 'other'), 'w');
  // Of every open file.
  handle = Object.getPrototypeOf(file) as FileHandle;
  await file.close();
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function write(...chunks: Buffer[]): Promise<void> {
  await pipeline(Readable.from(chunks), durableWriter(await open(path.join(root, 'x'), 'w')));
}
const pieces = (howMany: number, bytes: number) =>
  Array.from({ length: howMany }, () => Buffer.alloc(bytes, 7));

test('what is written is synced before the stream ends, and every eight megabytes on the way', async () => {
  const [onTheWay, atTheEnd] = [vi.spyOn(handle, 'datasync'), vi.spyOn(handle, 'sync')];
  const calls = () => [onTheWay.mock.calls.length, atTheEnd.mock.calls.length];
  await write(...pieces(7, 1_000_000));
  expect(calls()).toEqual([0, 1]);
  await write(...pieces(1, 8_000_000));
  expect(calls()).toEqual([1, 2]);
  await write(...pieces(3, 8_000_000));
  expect(calls()).toEqual([4, 3]);
});

test.each(['datasync', 'sync'] as const)('a %s that fails fails the stream', async (how) => {
  vi.spyOn(handle, how).mockRejectedValue(new Error('EIO'));
  await expect(write(...pieces(1, 8_000_000))).rejects.toThrow('EIO');
});

test('what the disk took only in part is written to its end', async () => {
  vi.spyOn(handle, 'writev').mockImplementation(async function (this: FileHandle, buffers) {
    const [first] = buffers as Buffer[];
    const { bytesWritten } = await this.write((first ?? Buffer.alloc(0)).subarray(0, 3));
    return { bytesWritten, buffers };
  });
  await write(Buffer.from('a few more than three bytes'));
  expect(await readFile(path.join(root, 'x'), 'utf8')).toBe('a few more than three bytes');
});

test('a disk that takes nothing more fails the stream with its own error', async () => {
  vi.spyOn(handle, 'writev').mockRejectedValue(Object.assign(new Error('full'), { code: 'ENOSPC' }));
  await expect(write(Buffer.from('some'))).rejects.toMatchObject({ code: 'ENOSPC' });
});

test('the name of a file is safe once its folder is synced, or the sync fails', async () => {
  const folder = openFolder(root);
  await folder.createEmpty('a');
  const sync = vi.spyOn(handle, 'sync');
  await folder.sync('a');
  expect(sync).toHaveBeenCalledOnce();
  sync.mockRejectedValue(new Error('EIO'));
  await expect(folder.sync('a')).rejects.toThrow('EIO');
});
