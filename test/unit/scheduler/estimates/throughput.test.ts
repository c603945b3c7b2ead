import { expect, test } from 'vitest';
import { createThroughputEstimates } from '../../../../src/scheduler/estimates/throughput.ts';

const starter = { name: 'starter', version: '1', checkpointBytes: 10e6 };

test('before anything was measured, a bigger network and a CPU are expected to be slower', () => {
  const throughput = createThroughputEstimates([]);
  const big = { name: 'big', version: '1', checkpointBytes: 900e6 };
  expect(throughput.expect(big, 'cpu')).toBeGreaterThan(throughput.expect(starter, 'cpu'));
  expect(throughput.expect(big, 'cpu')).toBeGreaterThan(throughput.expect(big, 'cuda:0'));
  // A fiftieth of a second for each megabyte and second of audio.
  expect(throughput.expect(starter, 'cpu')).toBeCloseTo(0.2);
  expect(throughput.expect({ name: 'tiny', version: '1', checkpointBytes: 0 }, 'cpu')).toBeGreaterThan(0);
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
  const throughput = createThroughputEstimates([]);
  const before = throughput.expect(starter, 'cuda:0');
  throughput.record(starter, 'cpu', song(2));
  // What was assumed, a fifth, is left with the weight of 0.7 seconds.
  expect(throughput.expect(starter, 'cpu')).toBeCloseTo((2 * 180 + 0.2 * 0.7) / 180.7, 9);
  expect(throughput.expect(starter, 'cuda:0')).toBe(before);
  expect(throughput.expect({ ...starter, name: 'other' }, 'cpu')).toBeCloseTo(0.2);
});

test('what was assumed is forgotten with time', () => {
  const throughput = createThroughputEstimates([]);
  for (let at = 0; at < 20; at += 1) throughput.record(starter, 'cpu', song(2));
  expect(throughput.expect(starter, 'cpu')).toBeCloseTo(2, 3);
});

test('an outlier moves the expectation by about a half', () => {
  const throughput = createThroughputEstimates([measuredOf('1', 1)]);
  throughput.record(starter, 'cpu', song(11));
  expect(throughput.expect(starter, 'cpu')).toBeCloseTo(1 + 10 / 1.7, 0);
});

test.each([
  ['the first', 0, 5],
  ['one of many', 9, 0.21],
])('a song of one sample, %s, says little about one of minutes', (_, songsBefore, most) => {
  const throughput = createThroughputEstimates([]);
  for (let at = 0; at < songsBefore; at += 1) throughput.record(starter, 'cpu', song(0.2));
  throughput.record(starter, 'cpu', { workSeconds: 2, audioSeconds: 1 / 44_100 });
  const expected = throughput.expect(starter, 'cpu');
  expect(expected).toBeGreaterThan(0.2);
  expect(expected).toBeLessThan(most);
});

test('of earlier measurements the newest counts most; they come newest first', () => {
  const throughput = createThroughputEstimates([measuredOf('1', 3), measuredOf('1', 1)]);
  expect(throughput.expect(starter, 'cpu')).toBeCloseTo((3 + 0.7) / 1.7, 0);
  expect(throughput.expect(starter, 'cpu')).toBeGreaterThan(2);
});

test('what other files of a model took does not count; what nobody knows the files of does, until better is known', () => {
  const throughput = createThroughputEstimates([measuredOf(null, 7)]);
  const byUnknown = throughput.expect(starter, 'cpu');
  expect(byUnknown).toBeGreaterThan(6.5);
  throughput.record({ ...starter, version: '2' }, 'cpu', song(100));
  expect(throughput.expect(starter, 'cpu')).toBe(byUnknown);
  expect(throughput.expect({ ...starter, version: '2' }, 'cpu')).toBeGreaterThan(95);
  throughput.record(starter, 'cpu', song(3));
  expect(throughput.expect(starter, 'cpu')).toBeLessThan(3);
  expect(throughput.expect(starter, 'cpu')).toBeGreaterThan(2.8);
});
