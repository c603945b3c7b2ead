import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { PassThrough, Readable, Writable } from 'node:stream';
import fc from 'fast-check';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blobStore.ts';
import { AppError } from '../../../src/errors.ts';
import { createUploads, type Uploads } from '../../../src/service/upload.ts';
import { openDataFolder, type DataFolder } from '../../support/dataFolder.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

let files: DataFolder;
let ofTasks: Set<string>;
const warn = vi.fn();
beforeEach(async () => {
  files = openDataFolder(await temporaryFolder());
  ofTasks = new Set();
  warn.mockClear();
});

const newUploads = (maxBytes = 1e6, receive: BlobStore['receive'] = files.receive): Uploads =>
  createUploads({
    blobs: { receive },
    queue: { hasInput: async (inputId) => ofTasks.has(inputId) },
    maxBytes,
    log: { warn },
  });
const song = () => Readable.from([Buffer.from('audio')]);

/** Receives blobs that cannot be removed. */
const stuck: BlobStore['receive'] = async (prefix) => ({
  ...(await files.receive(prefix)),
  discard: () => Promise.reject(new Error('EIO')),
});

describe('receiving', () => {
  test('stores a file as it came, with its length and hash', async () => {
    const bytes = randomBytes(200_000);
    const chunks = [bytes.subarray(0, 1), bytes.subarray(1, 70_000), bytes.subarray(70_000)];
    const upload = await newUploads().receive(Readable.from(chunks));
    expect(upload).toMatchObject({
      bytes: 200_000,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
    expect((await readFile(upload.localPath)).equals(bytes)).toBe(true);
  });

  test('takes an empty file: whether it is audio is for the probe to say', async () => {
    expect(await newUploads(10).receive(Readable.from([]))).toMatchObject({ bytes: 0 });
  });

  test('takes exactly as much as allowed; refuses one byte more and leaves nothing, in whatever pieces it comes', async () => {
    const limit = 1000;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: limit }), { maxLength: 5 }),
        fc.constantFrom(0, 1),
        async (cuts, surplus) => {
          const bytes = Buffer.alloc(limit + surplus, 7);
          const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
          const pieces = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
          const receiving = newUploads(limit).receive(Readable.from(pieces));
          if (surplus === 0) {
            const upload = await receiving;
            expect(upload.bytes).toBe(limit);
            await upload.discard();
          } else {
            await expect(receiving).rejects.toMatchObject({ code: 'FILE_TOO_LARGE' });
            await expect(receiving).rejects.toBeInstanceOf(AppError);
          }
          expect(await files.list('inputs')).toEqual([]);
        },
      ),
      { numRuns: 30 },
    );
  });

  test('says what is allowed when it refuses', async () => {
    await expect(newUploads(10).receive(Readable.from([Buffer.alloc(11)]))).rejects.toThrow(
      'The file is too large: at most 10 bytes (0.0 MB) are allowed.',
    );
  });

  test('leaves nothing of a source that breaks off', async () => {
    const source = new PassThrough();
    const receiving = newUploads().receive(source);
    source.write(Buffer.alloc(100_000));
    setImmediate(() => source.destroy(new Error('aborted')));
    await expect(receiving).rejects.toThrow('aborted');
    expect(await files.list('inputs')).toEqual([]);
  });

  test('leaves nothing on a full disk, and says that it is full', async () => {
    const full: BlobStore['receive'] = async (prefix) => {
      const blob = await files.receive(prefix);
      const sink = new Writable({
        write: (_chunk, _encoding, callback) => {
          blob.sink.destroy();
          callback(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }));
        },
      });
      return { ...blob, sink };
    };
    await expect(newUploads(100, full).receive(song())).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await files.list('inputs')).toEqual([]);
  });

  test('gives every file a folder of its own', async () => {
    const uploads = newUploads();
    const [one, two] = [await uploads.receive(song()), await uploads.receive(song())];
    expect((await files.list('inputs')).sort()).toEqual([one.inputId, two.inputId].sort());
  });
});

describe('an upload', () => {
  test('is stored under its name for a task, and stays when it is kept', async () => {
    const upload = await newUploads().receive(song());
    const storageKey = await upload.commit('flac');
    expect(storageKey).toBe(`inputs/${upload.inputId}/mixture.flac`);
    upload.keep();
    await upload.discard();
    expect(await files.size(storageKey)).toBe(5);
  });

  test.each(['received', 'committed'])('that is %s and then discarded leaves nothing', async (how) => {
    const upload = await newUploads().receive(song());
    if (how === 'committed') await upload.commit('flac');
    await upload.discard();
    await upload.discard();
    expect(await files.list('inputs')).toEqual([]);
  });

  test('that a row names after all is not removed: the write of a row can succeed and report an error', async () => {
    const upload = await newUploads().receive(song());
    const storageKey = await upload.commit('flac');
    ofTasks.add(upload.inputId);
    await upload.discard();
    expect(await files.size(storageKey)).toBe(5);
  });

  test('that cannot be removed is told to the log, and is open no longer: the sweep may take it', async () => {
    const uploads = newUploads(1e6, stuck);
    const upload = await uploads.receive(song());
    await upload.discard();
    expect(warn.mock.calls).toEqual([
      [
        { inputId: upload.inputId, err: expect.objectContaining({ message: 'EIO' }) as unknown },
        expect.any(String),
      ],
    ]);
    expect(uploads.isOpen(upload.inputId)).toBe(false);
  });

  test('is open from before its first byte until it is kept, discarded or breaks off', async () => {
    const uploads = newUploads();
    let inputId = '';
    const broken = Readable.from(
      (async function* () {
        yield Buffer.from('half');
        [inputId = ''] = await files.list('inputs');
        expect(uploads.isOpen(inputId)).toBe(true);
        throw new Error('hung up');
      })(),
    );
    await expect(uploads.receive(broken)).rejects.toThrow('hung up');
    expect([inputId, uploads.isOpen(inputId)]).toEqual([expect.any(String), false]);

    const [kept, discarded] = [await uploads.receive(song()), await uploads.receive(song())];
    await kept.commit('mp3');
    const isOpen = () => [kept, discarded].map((upload) => uploads.isOpen(upload.inputId));
    expect(isOpen()).toEqual([true, true]);
    kept.keep();
    await discarded.discard();
    expect(isOpen()).toEqual([false, false]);
  });
});
