import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import type { BlobStore } from '../../src/blobs/blobStore.ts';

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** What the port `BlobStore` promises, as tests that every implementation passes. `open` gives an empty one. */
export function blobStoreConformance(name: string, open: () => Promise<BlobStore>): void {
  describe(`the blob store on ${name}`, () => {
    let blobs: BlobStore;
    beforeEach(async () => {
      blobs = await open();
    });

    /** Stores a blob. @returns its key */
    async function put(prefix: string, content: Buffer | string, as = 'blob'): Promise<string> {
      const blob = await blobs.receive(prefix);
      await pipeline(Readable.from([Buffer.from(content)]), blob.sink);
      return blob.commit(as);
    }
    const textOf = async (key: string, start: number, end: number) =>
      (await buffer(await blobs.read(key, { start, end }))).toString();

    describe('receiving', () => {
      test.each([0, 1, 65_536, 20_000_003])('%d bytes are stored as they came', async (length) => {
        const bytes = randomBytes(length);
        const chunks = Array.from({ length: Math.ceil(length / 300_001) }, (_, i) =>
          bytes.subarray(i * 300_001, (i + 1) * 300_001),
        );
        const blob = await blobs.receive('inputs/1');
        await pipeline(Readable.from(chunks), blob.sink);
        expect(sha256(await readFile(blob.localPath))).toBe(sha256(bytes));
        const key = await blob.commit('mixture.wav');
        expect(key).toBe('inputs/1/mixture.wav');
        expect(await blobs.size(key)).toBe(length);
        expect(sha256(await buffer(await blobs.read(key, { start: 0, end: length - 1 })))).toBe(
          sha256(bytes),
        );
      });

      test('a blob has no key before it is committed', async () => {
        const blob = await blobs.receive('inputs/1');
        await pipeline(Readable.from([Buffer.from('x')]), blob.sink);
        expect(await blobs.size('inputs/1/mixture.wav')).toBeUndefined();
        await blob.commit('mixture.wav');
        expect(await blobs.list('inputs/1')).toEqual(['mixture.wav']);
      });

      test.each(['begun', 'received', 'committed'])(
        'one that is %s and discarded leaves nothing',
        async (how) => {
          const blob = await blobs.receive('inputs/1');
          if (how !== 'begun') await pipeline(Readable.from([Buffer.from('x')]), blob.sink);
          if (how === 'committed') await blob.commit('mixture.wav');
          blob.sink.destroy();
          await blob.discard();
          await blob.discard();
          expect(await blobs.list('inputs/1')).toEqual([]);
          expect(await blobs.size('inputs/1/mixture.wav')).toBeUndefined();
        },
      );

      test('a source that breaks off closes the sink', async () => {
        const broken = Readable.from(
          (function* () {
            yield Buffer.from('half');
            throw new Error('gone');
          })(),
        );
        const blob = await blobs.receive('inputs/1');
        const closed = new Promise((resolve) => blob.sink.once('close', resolve));
        await expect(pipeline(broken, blob.sink)).rejects.toThrow('gone');
        await closed;
        await blob.discard();
        expect(await blobs.list('inputs/1')).toEqual([]);
      });
    });

    describe('reading', () => {
      test.each([
        [0, 9, '0123456789'],
        [0, 0, '0'],
        [9, 9, '9'],
        [3, 5, '345'],
        [0, -1, ''],
      ])('from %d to %d, both inclusive, gives %j', async (start, end, expected) => {
        expect(await textOf(await put('inputs/1', '0123456789'), start, end)).toBe(expected);
      });

      test('what does not exist has no size, no time and no names, and cannot be read', async () => {
        expect(await blobs.size('no/such')).toBeUndefined();
        expect(await blobs.modifiedAt('no')).toBeUndefined();
        expect(await blobs.list('no')).toEqual([]);
        await expect(blobs.read('no/such', { start: 0, end: 1 })).rejects.toThrow();
      });

      test('goes on to the end when the blob is removed meanwhile', async () => {
        const bytes = randomBytes(5_000_000);
        const key = await put('results/1', bytes);
        const stream = await blobs.read(key, { start: 0, end: bytes.length - 1 });
        const chunks: Buffer[] = [];
        for await (const chunk of stream) {
          if (chunks.length === 0) await blobs.remove('results/1');
          chunks.push(chunk as Buffer);
        }
        expect(await blobs.size(key)).toBeUndefined();
        expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
      });
    });

    describe('a prefix', () => {
      test('lists the names directly below it', async () => {
        await put('inputs/1', 'x');
        await put('inputs/2', 'x');
        await put('inputs/20', 'x');
        expect((await blobs.list('inputs')).sort()).toEqual(['1', '2', '20']);
        expect(await blobs.list('inputs/2')).toEqual(['blob']);
      });

      test('is removed with all below it, and nothing beside it; a second time is fine', async () => {
        const [, beside] = [await put('inputs/2', 'x'), await put('inputs/20', 'y')];
        await blobs.remove('inputs/2');
        await blobs.remove('inputs/2');
        expect(await blobs.list('inputs/2')).toEqual([]);
        expect(await textOf(beside, 0, 0)).toBe('y');
      });

      test('a single blob can be removed', async () => {
        const key = await put('inputs/1', 'x');
        await blobs.remove(key);
        expect(await blobs.size(key)).toBeUndefined();
      });

      test('tells when it was last written to', async () => {
        const before = Date.now();
        await put('inputs/1', 'x');
        const at = (await blobs.modifiedAt('inputs/1')) ?? 0;
        // Clocks of file systems and stores are coarse.
        expect(Math.abs(at - before)).toBeLessThan(5_000);
      });
    });

    test.each(['../x', 'a/../../x', '/etc/passwd', '..', '', '.', 'a/../..', '../data2/x'])(
      'the key %j cannot leave the store, whatever is done with it',
      async (key) => {
        const everything: (() => unknown)[] = [
          () => blobs.receive(key),
          () => blobs.remove(key),
          () => blobs.list(key),
          () => blobs.size(key),
          () => blobs.modifiedAt(key),
          () => blobs.read(key, { start: 0, end: 1 }),
        ];
        for (const each of everything)
          await expect((async () => each())()).rejects.toThrow('a storage key leaves its store');
      },
    );
  });
}
