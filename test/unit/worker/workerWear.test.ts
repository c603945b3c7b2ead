import { expect, test } from 'vitest';
import { WorkerWear } from '../../../src/worker/workerWear.ts';

test('a worker that holds over 2 GB more than after its first task is worn; exactly so much is not', () => {
  const wear = new WorkerWear();
  wear.rests(9e9);
  wear.taskEnded(1);
  wear.rests(1e9);
  wear.taskEnded(1);
  wear.rests(3e9);
  expect(wear.reason).toBeUndefined();
  wear.rests(3.1e9);
  expect(wear.reason).toBe('its memory has grown by 2.1 GB');
});

test('what a model takes that it has loaded since is no leak, and what grows after it is one', () => {
  const wear = new WorkerWear();
  wear.taskEnded(1);
  wear.rests(1e9);
  wear.taskEnded(2);
  wear.rests(5e9);
  wear.modelsChanged();
  wear.rests(9e9);
  wear.taskEnded(null);
  expect(wear.reason).toBeUndefined();
  wear.rests(11.1e9);
  expect(wear.reason).toBeDefined();
});

test.each([
  [0, 450],
  [0.5, 500],
  [1, 550],
])('by chance %d a worker is worn after %d tasks, and not one earlier', (random, tasks) => {
  const wear = new WorkerWear(random);
  for (let done = 1; done < tasks; done += 1) wear.taskEnded(done % 2 === 0 ? null : 1);
  expect(wear.reason).toBeUndefined();
  wear.taskEnded(1);
  expect(wear.reason).toBe(`it has done ${String(tasks)} tasks`);
});
