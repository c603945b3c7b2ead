import { describe, expect, test } from 'vitest';
import { WorkerWear } from '../../../src/worker/workerWear.ts';

const loadedOnce = { modelLoads: 1, ranShort: false };
const failed = { modelLoads: null, ranShort: false };

test('a worker that holds over 2 GB more than after its first task is worn; exactly so much is not', () => {
  const wear = new WorkerWear();
  wear.rests(9e9);
  wear.taskEnded(loadedOnce);
  wear.rests(1e9);
  wear.taskEnded(loadedOnce);
  wear.rests(3e9);
  expect(wear.reason).toBeUndefined();
  wear.rests(3.1e9);
  expect(wear.reason).toBe('its memory has grown by 2.1 GB');
});

test('what a model takes that it has loaded since is no leak, and what grows after it is one', () => {
  const wear = new WorkerWear();
  wear.taskEnded(loadedOnce);
  wear.rests(1e9);
  wear.taskEnded({ modelLoads: 2, ranShort: false });
  wear.rests(5e9);
  wear.modelsChanged();
  wear.rests(9e9);
  wear.taskEnded(failed);
  expect(wear.reason).toBeUndefined();
  wear.rests(11.1e9);
  expect(wear.reason).toBeDefined();
});

describe('on a GPU', () => {
  test.each([
    [1e9, 1.2e9, 1.21e9],
    [1e8, 3e8, 3.01e8],
  ])('a worker that uses %d bytes with its models may use %d, and is worn at %d', (first, most, tooMuch) => {
    const wear = new WorkerWear();
    wear.holds(['a', 'b'], first);
    wear.holds(['b', 'a'], most);
    expect(wear.reason).toBeUndefined();
    wear.holds(['a', 'b'], tooMuch);
    expect(wear.reason).toMatch(/on the GPU has grown by 0[.]2 GB/);
  });

  test('other models may take more', () => {
    const wear = new WorkerWear();
    wear.holds([], 0);
    wear.holds(['a'], 1e9);
    wear.holds(['a', 'b'], 5e9);
    wear.holds(['b'], 4e9);
    expect(wear.reason).toBeUndefined();
  });

  test('a worker without one is not judged by it', () => {
    const wear = new WorkerWear();
    wear.holds(['a'], null);
    expect(wear.reason).toBeUndefined();
  });
});

test.each([1, null])('a worker whose memory ran out in two tasks is worn (model loads: %s)', (modelLoads) => {
  const wear = new WorkerWear();
  wear.taskEnded({ modelLoads, ranShort: true });
  wear.taskEnded(loadedOnce);
  expect(wear.reason).toBeUndefined();
  wear.taskEnded({ modelLoads, ranShort: true });
  expect(wear.reason).toBe('memory ran out in 2 tasks');
});

test.each([
  [0, 450],
  [0.5, 500],
  [1, 550],
])('by chance %d a worker is worn after %d tasks, and not one earlier', (random, tasks) => {
  const wear = new WorkerWear(random);
  for (let done = 1; done < tasks; done += 1) wear.taskEnded(done % 2 === 0 ? failed : loadedOnce);
  expect(wear.reason).toBeUndefined();
  wear.taskEnded(loadedOnce);
  expect(wear.reason).toBe(`it has done ${String(tasks)} tasks`);
});
