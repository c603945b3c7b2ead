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

test('one measurement of the model on the device counts, and on no other', () => {
  const pace = createPace([]);
  const before = pace.expect(starter, 'cuda:0');
  pace.record(starter, 'cpu', 2);
  expect(pace.expect(starter, 'cpu')).toBe(2);
  expect(pace.expect(starter, 'cuda:0')).toBe(before);
  expect(pace.expect({ ...starter, name: 'other' }, 'cpu')).not.toBe(2);
});

test('an outlier moves the expectation by less than a half', () => {
  const pace = createPace([{ modelType: 'starter', modelVersion: '1', device: 'cpu', realTimeFactor: 1 }]);
  pace.record(starter, 'cpu', 11);
  expect(pace.expect(starter, 'cpu')).toBeCloseTo(4);
});

test('of earlier measurements the newest counts most; they come newest first', () => {
  const measured = [3, 1].map((realTimeFactor) => ({
    modelType: 'starter',
    modelVersion: '1',
    device: 'cpu',
    realTimeFactor,
  }));
  expect(createPace(measured).expect(starter, 'cpu')).toBeCloseTo(1.6);
});

test('what other files of a model took does not count; what nobody knows the files of does, until better is known', () => {
  const measured = [{ modelType: 'starter', modelVersion: null, device: 'cpu', realTimeFactor: 7 }];
  const pace = createPace(measured);
  expect(pace.expect(starter, 'cpu')).toBe(7);
  pace.record({ ...starter, version: '2' }, 'cpu', 100);
  expect(pace.expect(starter, 'cpu')).toBe(7);
  expect(pace.expect({ ...starter, version: '2' }, 'cpu')).toBe(100);
  pace.record(starter, 'cpu', 3);
  expect(pace.expect(starter, 'cpu')).toBe(3);
});
