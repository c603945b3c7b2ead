import { expect, test } from 'vitest';
import { restartDelayMs } from '../../../../src/workers/health/backoff.ts';

test('the first death of a row costs no time', () => {
  expect(restartDelayMs(0)).toBe(0);
  expect(restartDelayMs(1)).toBe(0);
});

test.each([
  [2, 1_000],
  [3, 2_000],
  [4, 4_000],
  [7, 32_000],
  [8, 60_000],
  [50, 60_000],
  [5_000, 60_000],
])('death number %d costs %d ms, give or take a fifth', (failures, delay) => {
  expect(restartDelayMs(failures, () => 0)).toBeCloseTo(delay * 0.8);
  expect(restartDelayMs(failures, () => 0.5)).toBeCloseTo(delay);
  expect(restartDelayMs(failures, () => 1)).toBeCloseTo(delay * 1.2);
});
