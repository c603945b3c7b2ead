import { expect, test } from 'vitest';
import { createPace } from '../../../src/tasks/pace.ts';

const starter = { name: 'starter', version: '1', checkpointBytes: 10e6 };

test('before anything was measured, a bigger network and a CPU are expected to be slower', () => {
  const pace = createPace([]);
  const big = { name: 'big', version: '1', checkpointBytes: 900e6 };
  expect(pace.expect(big, 'cpu')).toBeGreaterThan(pace.expect(starter, 'cpu'));
  expect(pace.expect(big, 'cpu')).toBeGreaterThan(pace.expect(big, 'cuda:0'));
  // A fiftieth of a second for each megabyte and second of audio.
  expect(pace.expect(starter, 'cpu')).toBeCloseTo(0.2);
  expect(pace.expect({ name: 'tiny', version: '1', checkpointBytes: 0 }, 'cpu')).toBeGreaterThan(0);
});

/** What a song of three minutes took, at so many seconds for a second of it. */
const song = (rate: number) => ({ workSeconds: 180 * rate, audioSeconds: 180 });
const measuredOf = (modelVersion: string | null, rate: number) => ({
  modelType: 'starter',
  modelVersion,
  device: 'cpu',
  ...song(rate),
});

test('one measurement of the model on the device counts nearly alone, and on no other', () => {
  const pace = createPace([]);
  const before = pace.expect(starter, 'cuda:0');
  pace.record(starter, 'cpu', song(2));
  // What was assumed, a fifth, is left with the weight of 0.7 seconds.
  expect(pace.expect(starter, 'cpu')).toBeCloseTo((2 * 180 + 0.2 * 0.7) / 180.7, 9);
  expect(pace.expect(starter, 'cuda:0')).toBe(before);
  expect(pace.expect({ ...starter, name: 'other' }, 'cpu')).toBeCloseTo(0.2);
});

test('what was assumed is forgotten with time', () => {
  const pace = createPace([]);
  for (let at = 0; at < 20; at += 1) pace.record(starter, 'cpu', song(2));
  expect(pace.expect(starter, 'cpu')).toBeCloseTo(2, 3);
});

test('an outlier moves the expectation by about a half', () => {
  const pace = createPace([measuredOf('1', 1)]);
  pace.record(starter, 'cpu', song(11));
  expect(pace.expect(starter, 'cpu')).toBeCloseTo(1 + 10 / 1.7, 0);
});

test.each([
  ['the first', 0, 5],
  ['one of many', 9, 0.21],
])('a song of one sample, %s, says little about one of minutes', (_, songsBefore, most) => {
  const pace = createPace([]);
  for (let at = 0; at < songsBefore; at += 1) pace.record(starter, 'cpu', song(0.2));
  pace.record(starter, 'cpu', { workSeconds: 2, audioSeconds: 1 / 44_100 });
  const expected = pace.expect(starter, 'cpu');
  expect(expected).toBeGreaterThan(0.2);
  expect(expected).toBeLessThan(most);
});

test('of earlier measurements the newest counts most; they come newest first', () => {
  const pace = createPace([measuredOf('1', 3), measuredOf('1', 1)]);
  expect(pace.expect(starter, 'cpu')).toBeCloseTo((3 + 0.7) / 1.7, 0);
  expect(pace.expect(starter, 'cpu')).toBeGreaterThan(2);
});

test('what other files of a model took does not count; what nobody knows the files of does, until better is known', () => {
  const pace = createPace([measuredOf(null, 7)]);
  const byUnknown = pace.expect(starter, 'cpu');
  expect(byUnknown).toBeGreaterThan(6.5);
  pace.record({ ...starter, version: '2' }, 'cpu', song(100));
  expect(pace.expect(starter, 'cpu')).toBe(byUnknown);
  expect(pace.expect({ ...starter, version: '2' }, 'cpu')).toBeGreaterThan(95);
  pace.record(starter, 'cpu', song(3));
  expect(pace.expect(starter, 'cpu')).toBeLessThan(3);
  expect(pace.expect(starter, 'cpu')).toBeGreaterThan(2.8);
});
