import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hostMemoryBytes, longestMixtureSeconds } from '../../../../src/tasks/resources/memoryEstimate.ts';

const HOUR_OF_FOUR_STEMS = 17 * 3600 * 44_100 * 2 * 4;
const fourStems = { sampleRate: 44_100, stems: 4, bigshifts: 1 };

test('an hour of four stems fits where 17 copies of its stereo float mixture take four fifths of the memory', () => {
  expect(longestMixtureSeconds(fourStems, HOUR_OF_FOUR_STEMS / 0.8 + 1)).toBe(3600);
  expect(longestMixtureSeconds(fourStems, HOUR_OF_FOUR_STEMS / 0.8 - 1e6)).toBe(3599);
});

test('more memory never shortens what fits; more stems, a higher rate and more shifts never lengthen it', () => {
  const size = fc.record({
    sampleRate: fc.integer({ min: 8_000, max: 96_000 }),
    stems: fc.integer({ min: 1, max: 8 }),
    bigshifts: fc.integer({ min: 1, max: 16 }),
  });
  fc.assert(
    fc.property(size, fc.integer({ min: 0, max: 1e12 }), (given, memory) => {
      const longest = longestMixtureSeconds(given, memory);
      expect(longest).toBeGreaterThanOrEqual(0);
      expect(longestMixtureSeconds(given, memory * 2)).toBeGreaterThanOrEqual(longest);
      for (const key of ['sampleRate', 'stems', 'bigshifts'] as const) {
        expect(longestMixtureSeconds({ ...given, [key]: given[key] + 1 }, memory)).toBeLessThanOrEqual(
          longest,
        );
      }
    }),
  );
});

test('the limit of a container counts where it is the smaller one; none is 0 or beyond all memory', () => {
  expect(hostMemoryBytes(16e9, 4e9)).toBe(4e9);
  expect(hostMemoryBytes(16e9, 0)).toBe(16e9);
  expect(hostMemoryBytes(16e9, 2 ** 63)).toBe(16e9);
});
