import { beforeEach, expect, test } from 'vitest';
import { createGpuQuarantine } from '../../../../src/workers/health/gpuQuarantine.ts';
import { ManualClock } from '../../../support/manualClock.ts';

const MINUTE = 60_000;

let clock: ManualClock;
const begin = (...gpus: string[]) => createGpuQuarantine(gpus, clock, 5 * MINUTE);
beforeEach(() => {
  clock = new ManualClock();
});

test('a GPU that failed two workers in a row is left alone for a while, and no other is', () => {
  const quarantine = begin('A', 'B');
  quarantine.failed('A');
  expect([quarantine.has('A'), quarantine.restMs('A')]).toEqual([false, 0]);
  clock.advance(4 * MINUTE);
  quarantine.failed('A');
  expect([quarantine.has('A'), quarantine.restMs('A')]).toEqual([true, 5 * MINUTE]);
  expect([quarantine.has('B'), quarantine.restMs('B')]).toEqual([false, 0]);
});

test('what a worker did well between two failures, or five minutes, make the second one the first', () => {
  const quarantine = begin('A', 'B');
  quarantine.failed('A');
  quarantine.worked('A');
  quarantine.failed('A');
  expect(quarantine.has('A')).toBe(false);
  clock.advance(5 * MINUTE);
  quarantine.failed('A');
  expect(quarantine.has('A')).toBe(false);
});

test('when the rest is over it stays in quarantine until a worker does its part; one that fails too prolongs it', () => {
  const quarantine = begin('A', 'B');
  quarantine.failed('A');
  quarantine.failed('A');
  clock.advance(5 * MINUTE);
  expect([quarantine.has('A'), quarantine.restMs('A')]).toEqual([true, 0]);
  quarantine.failed('A');
  expect([quarantine.has('A'), quarantine.restMs('A')]).toEqual([true, 5 * MINUTE]);
  clock.advance(5 * MINUTE);
  quarantine.worked('A');
  expect([quarantine.has('A'), quarantine.restMs('A')]).toEqual([false, 0]);
});

test('the only GPU is never left alone, however many workers share it', () => {
  const quarantine = begin('A', 'A');
  for (let n = 0; n < 4; n += 1) quarantine.failed('A');
  expect([quarantine.has('A'), quarantine.restMs('A')]).toEqual([false, 0]);
});
