import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { describe, expect, test } from 'vitest';
import { createLocalFileStore, type FileStore } from '../../../src/store/fileStore.ts';
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
  const { files } = await newStore();
  expect(await files.freeBytes()).toBeGreaterThan(0);
});
