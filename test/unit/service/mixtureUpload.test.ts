import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AppError } from '../../../src/errors.ts';
import { createLocalFileStore, type FileStore } from '../../../src/blobs/fileStore.ts';
import { receiveUpload } from '../../../src/service/mixtureUpload.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

async function newFiles(): Promise<{ files: FileStore; root: string }> {
  const root = await temporaryFolder();
  await mkdir(path.join(root, 'inputs'));
  return { files: createLocalFileStore(root), root };
}

test('an upload lies on the disk as it came, with its length and hash', async () => {
  const { files, root } = await newFiles();
  const bytes = randomBytes(200_000);
  const chunks = [bytes.subarray(0, 1), bytes.subarray(1, 70_000), bytes.subarray(70_000)];
  const stored = await receiveUpload(files, 'id', Readable.from(chunks), 1e6);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  expect(stored).toEqual({ inputId: 'id', bytes: 200_000, sha256 });
  expect((await readFile(path.join(root, 'inputs/id/upload'))).equals(bytes)).toBe(true);
});

test('an empty upload is received: whether it is audio is for the probe to say', async () => {
  const { files } = await newFiles();
  expect(await receiveUpload(files, 'id', Readable.from([]), 10)).toMatchObject({ bytes: 0 });
});

test('exactly as long as allowed is received; one byte more is refused and leaves nothing, in whatever pieces it comes', async () => {
  const { files } = await newFiles();
  const limit = 1000;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: limit }), { maxLength: 5 }),
      fc.constantFrom(0, 1),
      async (cuts, surplus) => {
        const bytes = Buffer.alloc(limit + surplus, 7);
        const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const pieces = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
        const receiving = receiveUpload(files, 'id', Readable.from(pieces), limit);
        if (surplus === 0) {
          expect(await receiving).toMatchObject({ bytes: limit });
          await files.remove('inputs/id');
        } else {
          await expect(receiving).rejects.toMatchObject({ code: 'FILE_TOO_LARGE' });
          await expect(receiving).rejects.toBeInstanceOf(AppError);
          expect(await files.list('inputs')).toEqual([]);
        }
      },
    ),
    { numRuns: 30 },
  );
});

test('the refusal says what is allowed', async () => {
  const { files } = await newFiles();
  await expect(receiveUpload(files, 'id', Readable.from([Buffer.alloc(11)]), 10)).rejects.toThrow(
    'The file is too large: at most 10 bytes (0.0 MB) are allowed.',
  );
});

test('a source that breaks off leaves nothing behind', async () => {
  const { files } = await newFiles();
  const source = new PassThrough();
  const receiving = receiveUpload(files, 'id', source, 1e6);
  source.write(Buffer.alloc(100_000));
  setImmediate(() => source.destroy(new Error('aborted')));
  await expect(receiving).rejects.toThrow('aborted');
  expect(await files.list('inputs')).toEqual([]);
});

test('a full disk leaves nothing behind, and is told', async () => {
  const { files } = await newFiles();
  const full: FileStore = {
    ...files,
    async create(key) {
      const real = await files.create(key);
      return new Writable({
        write: (_chunk, _encoding, callback) => {
          real.destroy();
          callback(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }));
        },
      });
    },
  };
  const receiving = receiveUpload(full, 'id', Readable.from([Buffer.alloc(10)]), 100);
  await expect(receiving).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(await files.list('inputs')).toEqual([]);
});
