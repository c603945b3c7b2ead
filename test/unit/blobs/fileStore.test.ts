import { createHash, randomBytes } from 'node:crypto';
import {
  mkdir,
  open,
  readdir,
  readFile,
  stat,
  statfs,
  utimes,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createLocalFileStore, type FileStore } from '../../../src/blobs/fileStore.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

async function newStore(): Promise<{ files: FileStore; root: string }> {
  const root = path.join(await temporaryFolder(), 'data');
  await mkdir(root);
  return { files: createLocalFileStore(root), root };
}

async function put(files: FileStore, key: string, content: Buffer | string): Promise<void> {
  await pipeline(Readable.from([Buffer.from(content)]), await files.create(key));
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('writing', () => {
  test.each([0, 1, 65_536, 20_000_003])('%d bytes arrive on the disk as they were', async (length) => {
    const { files, root } = await newStore();
    const bytes = randomBytes(length);
    const chunks = Array.from({ length: Math.ceil(length / 300_001) }, (_, i) =>
      bytes.subarray(i * 300_001, (i + 1) * 300_001),
    );
    await pipeline(Readable.from(chunks), await files.create('inputs/1/upload'));
    expect(sha256(await readFile(path.join(root, 'inputs/1/upload')))).toBe(sha256(bytes));
    expect(await files.size('inputs/1/upload')).toBe(length);
  });

  test('never overwrites a file that is there', async () => {
    const { files } = await newStore();
    await put(files, 'a/b', 'first');
    await expect(files.create('a/b')).rejects.toMatchObject({ code: 'EEXIST' });
    expect((await buffer(await files.read('a/b', { start: 0, end: 4 }))).toString()).toBe('first');
  });

  test('a source that breaks off closes the file', async () => {
    const { files } = await newStore();
    const broken = Readable.from(
      (function* () {
        yield Buffer.from('half');
        throw new Error('gone');
      })(),
    );
    const sink = await files.create('a/b');
    const closed = new Promise((resolve) => sink.once('close', resolve));
    await expect(pipeline(broken, sink)).rejects.toThrow('gone');
    await closed;
    expect(sink.closed).toBe(true);
  });
});

describe('what is written is on the disk', () => {
  let handle: FileHandle;
  beforeEach(async () => {
    const file = await open(path.join(await temporaryFolder(), 'x'), 'w');
    // Of every open file.
    handle = Object.getPrototypeOf(file) as FileHandle;
    await file.close();
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  const writeInPieces = async (files: FileStore, pieces: number, bytes = 1_000_000) => {
    const source = Readable.from(Array.from({ length: pieces }, () => Buffer.alloc(bytes, 7)));
    await pipeline(source, await files.create('x'));
  };

  test('before the stream ends, and every eight megabytes on the way', async () => {
    const [onTheWay, atTheEnd] = [vi.spyOn(handle, 'datasync'), vi.spyOn(handle, 'sync')];
    const { files } = await newStore();
    await writeInPieces(files, 7);
    expect([onTheWay.mock.calls.length, atTheEnd.mock.calls.length]).toEqual([0, 1]);
    await files.remove('x');
    await writeInPieces(files, 1, 8_000_000);
    expect([onTheWay.mock.calls.length, atTheEnd.mock.calls.length]).toEqual([1, 2]);
    await files.remove('x');
    await writeInPieces(files, 3, 8_000_000);
    expect([onTheWay.mock.calls.length, atTheEnd.mock.calls.length]).toEqual([4, 3]);
  });

  test.each(['datasync', 'sync'] as const)('or its writer is told: %s', async (how) => {
    vi.spyOn(handle, how).mockRejectedValue(new Error('EIO'));
    const { files } = await newStore();
    await expect(writeInPieces(files, 1, 8_000_000)).rejects.toThrow('EIO');
  });

  test('also what the disk took in parts', async () => {
    const { files } = await newStore();
    vi.spyOn(handle, 'writev').mockImplementation(async function (this: FileHandle, buffers) {
      const [first] = buffers as Buffer[];
      const { bytesWritten } = await this.write((first ?? Buffer.alloc(0)).subarray(0, 3));
      return { bytesWritten, buffers };
    });
    await put(files, 'x', 'a few more than three bytes');
    expect((await buffer(await files.read('x', { start: 0, end: 99 }))).toString()).toBe(
      'a few more than three bytes',
    );
  });

  test('or is told where the disk takes nothing more', async () => {
    vi.spyOn(handle, 'writev').mockRejectedValue(Object.assign(new Error('full'), { code: 'ENOSPC' }));
    const { files } = await newStore();
    await expect(put(files, 'x', 'some')).rejects.toMatchObject({ code: 'ENOSPC' });
  });

  test('with its name in its folder, once that is synced', async () => {
    const { files } = await newStore();
    await files.createFolder('a');
    const sync = vi.spyOn(handle, 'sync');
    await files.syncFolder('a');
    expect(sync).toHaveBeenCalledOnce();
    sync.mockRejectedValue(new Error('EIO'));
    await expect(files.syncFolder('a')).rejects.toThrow('EIO');
  });
});

describe('reading', () => {
  test.each([
    [0, 9, '0123456789'],
    [0, 0, '0'],
    [9, 9, '9'],
    [3, 5, '345'],
    [0, -1, ''],
  ])('from %d to %d, both included, gives %j', async (start, end, expected) => {
    const { files } = await newStore();
    await put(files, 'x', '0123456789');
    expect((await buffer(await files.read('x', { start, end }))).toString()).toBe(expected);
  });

  test('the size of what is not there is undefined', async () => {
    const { files } = await newStore();
    expect(await files.size('no/such')).toBeUndefined();
  });
});

test('what is in the way of a look is an error, and not taken for a file that is not there', async () => {
  const { files } = await newStore();
  await put(files, 'a', 'x');
  for (const look of [files.size, files.modifiedAt, files.list])
    await expect(look('a/b')).rejects.toMatchObject({ code: 'ENOTDIR' });
  await expect(files.read('b', { start: 0, end: 1 })).rejects.toMatchObject({ code: 'ENOENT' });
});

test.each(['../x', 'a/../../x', '/etc/passwd', '..', '', '.', 'a/../..', '../data2/x'])(
  'the key %j cannot leave the store, whatever is done with it',
  async (key) => {
    const { files, root } = await newStore();
    await writeFile(`${root}2`, 'neighbour');
    const everything: (() => unknown)[] = [
      () => files.create(key),
      () => files.createFolder(key),
      () => files.rename(key, 'y'),
      () => files.rename('y', key),
      () => files.remove(key),
      () => files.list(key),
      () => files.size(key),
      () => files.read(key, { start: 0, end: 1 }),
      () => files.localPath(key),
      () => files.syncFolder(key),
    ];
    for (const each of everything) {
      await expect((async () => each())()).rejects.toThrow('a storage key leaves its store');
    }
    expect(await readFile(`${root}2`, 'utf8')).toBe('neighbour');
    expect(await readdir(root)).toEqual([]);
  },
);

test('a read that has begun ends as it would have, though the file is removed meanwhile', async () => {
  const { files } = await newStore();
  const bytes = randomBytes(5_000_000);
  await put(files, 'results/1/drums.wav', bytes);
  const stream = await files.read('results/1/drums.wav', { start: 0, end: bytes.length - 1 });
  const chunks: Buffer[] = [];
  for await (const chunk of stream) {
    if (chunks.length === 0) await files.remove('results/1');
    chunks.push(chunk as Buffer);
  }
  expect(await files.size('results/1/drums.wav')).toBeUndefined();
  expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
});

test('when a file was written is known, and of one that is not there it is not', async () => {
  const { files, root } = await newStore();
  await put(files, 'inputs/1/upload', 'x');
  await utimes(path.join(root, 'inputs/1/upload'), 1000, 1000);
  expect(await files.modifiedAt('inputs/1/upload')).toBe(1_000_000);
  expect(await files.modifiedAt('inputs/2')).toBeUndefined();
});

describe('folders', () => {
  test('removing takes all that is inside, and a second time is fine', async () => {
    const { files } = await newStore();
    await put(files, 'a/b/c', 'x');
    await files.remove('a');
    await files.remove('a');
    expect(await files.list('a')).toEqual([]);
    expect(await files.size('a/b/c')).toBeUndefined();
  });

  test('a new folder is empty, also where one with files was', async () => {
    const { files } = await newStore();
    await put(files, 'tmp/1/left', 'x');
    await files.createFolder('tmp/1');
    expect(await files.list('tmp/1')).toEqual([]);
    expect(await files.list('tmp')).toEqual(['1']);
  });

  test('one with nothing in it is removed; one with something, and one that is not there, are left as they are', async () => {
    const { files } = await newStore();
    await files.createFolder('a/empty');
    await put(files, 'a/full/b', 'x');
    for (const key of ['a/empty', 'a/full', 'a/none']) await files.removeEmptyFolder(key);
    expect(await files.list('a')).toEqual(['full']);
    expect(await files.list('a/full')).toEqual(['b']);
    await expect(files.removeEmptyFolder('a/full/b')).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  test('renaming moves the file, and syncing its folder is possible', async () => {
    const { files, root } = await newStore();
    await put(files, 'a/upload', 'x');
    await files.rename('a/upload', 'a/mixture.wav');
    await files.syncFolder('a');
    expect(await files.list('a')).toEqual(['mixture.wav']);
    expect((await stat(path.join(root, 'a/mixture.wav'))).size).toBe(1);
  });
});

test('the free space is that of the disk', async () => {
  const { files, root } = await newStore();
  const { bavail, bsize } = await statfs(root);
  const free = await files.freeBytes();
  // Others write meanwhile.
  expect(Math.abs(free - bavail * bsize)).toBeLessThan(0.5 * bavail * bsize);
});
