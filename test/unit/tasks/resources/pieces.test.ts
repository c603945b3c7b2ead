import fc from 'fast-check';
import { expect, test } from 'vitest';
import { choosePieceSeconds, LONGEST_PIECE } from '../../../../src/tasks/resources/pieces.ts';

const RATE = 44_100;
/** The starter: chunks of 5.9 s. */
const chunking = { chunkSamples: 261_120, numOverlap: 2, batchSize: 1 };

test('a mixture of five minutes goes through MSST as a whole, a longer one in pieces of four', () => {
  expect(choosePieceSeconds(chunking, RATE, 300)).toBeNull();
  expect(choosePieceSeconds(chunking, RATE, 300.1)).toBe(240);
  expect(choosePieceSeconds(chunking, RATE, 8 * 3600)).toBe(240);
});

test('nothing is cut where the YAML does not tell how MSST lays its chunks', () => {
  expect(choosePieceSeconds(null, RATE, 8 * 3600)).toBeNull();
});

test('pieces hold four batches at least, and a mixture not much longer than one stays whole', () => {
  const large = { ...chunking, batchSize: 32 };
  const seconds = (4 * (261_120 + 32 * 130_560) + 8192) / RATE;
  expect(choosePieceSeconds(large, RATE, 8 * 3600)).toBe(seconds);
  expect(choosePieceSeconds(large, RATE, seconds * LONGEST_PIECE)).toBeNull();
});

test('a longer mixture is never taken in longer pieces', () => {
  const given = fc.record({
    chunkSamples: fc.integer({ min: 1000, max: 2_000_000 }),
    numOverlap: fc.integer({ min: 1, max: 50 }),
    batchSize: fc.integer({ min: 1, max: 64 }),
  });
  fc.assert(
    fc.property(given, fc.double({ min: 1, max: 1e5, noNaN: true }), (chunks, seconds) => {
      const piece = choosePieceSeconds(chunks, RATE, seconds);
      const longer = choosePieceSeconds(chunks, RATE, 2 * seconds);
      expect(piece === null || piece === longer).toBe(true);
      expect(longer === null || longer * LONGEST_PIECE < 2 * seconds).toBe(true);
    }),
  );
});
