import { describe, expect, test } from 'vitest';
import { RecyclePolicy } from '../../../../src/workers/inference/recyclePolicy.ts';

const loadedOnce = { modelLoads: 1, ranShort: false };
const failed = { modelLoads: null, ranShort: false };

test('a worker that holds over 2 GB more than after its first task is worn; exactly so much is not', () => {
  const recyclePolicy = new RecyclePolicy();
  recyclePolicy.rests(9e9);
  recyclePolicy.taskEnded(loadedOnce);
  recyclePolicy.rests(1e9);
  recyclePolicy.taskEnded(loadedOnce);
  recyclePolicy.rests(3e9);
  expect(recyclePolicy.reason).toBeUndefined();
  recyclePolicy.rests(3.1e9);
  expect(recyclePolicy.reason).toBe('its memory has grown by 2.1 GB');
});

test('what a model takes that it has loaded since is no leak, and what grows after it is one', () => {
  const recyclePolicy = new RecyclePolicy();
  recyclePolicy.taskEnded(loadedOnce);
  recyclePolicy.rests(1e9);
  recyclePolicy.taskEnded({ modelLoads: 2, ranShort: false });
  recyclePolicy.rests(5e9);
  recyclePolicy.modelsChanged();
  recyclePolicy.rests(9e9);
  recyclePolicy.taskEnded(failed);
  expect(recyclePolicy.reason).toBeUndefined();
  recyclePolicy.rests(11.1e9);
  expect(recyclePolicy.reason).toBeDefined();
});

describe('on a GPU', () => {
  test.each([
    [1e9, 1.2e9, 1.21e9],
    [1e8, 3e8, 3.01e8],
  ])('a worker that uses %d bytes with its models may use %d, and is worn at %d', (first, most, tooMuch) => {
    const recyclePolicy = new RecyclePolicy();
    recyclePolicy.holds(['a', 'b'], first);
    recyclePolicy.holds(['b', 'a'], most);
    expect(recyclePolicy.reason).toBeUndefined();
    recyclePolicy.holds(['a', 'b'], tooMuch);
    expect(recyclePolicy.reason).toMatch(/GPU memory has grown by 0[.]2 GB/);
  });

  test('other models may take more', () => {
    const recyclePolicy = new RecyclePolicy();
    recyclePolicy.holds([], 0);
    recyclePolicy.holds(['a'], 1e9);
    recyclePolicy.holds(['a', 'b'], 5e9);
    recyclePolicy.holds(['b'], 4e9);
    expect(recyclePolicy.reason).toBeUndefined();
  });

  test('a worker without one is not judged by it', () => {
    const recyclePolicy = new RecyclePolicy();
    recyclePolicy.holds(['a'], null);
    expect(recyclePolicy.reason).toBeUndefined();
  });
});

test.each([1, null])('a worker whose memory ran out in two tasks is worn (model loads: %s)', (modelLoads) => {
  const recyclePolicy = new RecyclePolicy();
  recyclePolicy.taskEnded({ modelLoads, ranShort: true });
  recyclePolicy.taskEnded(loadedOnce);
  expect(recyclePolicy.reason).toBeUndefined();
  recyclePolicy.taskEnded({ modelLoads, ranShort: true });
  expect(recyclePolicy.reason).toBe('memory ran out in 2 tasks');
});

test.each([
  [0, 450],
  [0.5, 500],
  [1, 550],
])('by chance %d a worker is worn after %d tasks, and not one earlier', (random, tasks) => {
  const recyclePolicy = new RecyclePolicy(random);
  for (let done = 1; done < tasks; done += 1) recyclePolicy.taskEnded(done % 2 === 0 ? failed : loadedOnce);
  expect(recyclePolicy.reason).toBeUndefined();
  recyclePolicy.taskEnded(loadedOnce);
  expect(recyclePolicy.reason).toBe(`it has done ${String(tasks)} tasks`);
});
