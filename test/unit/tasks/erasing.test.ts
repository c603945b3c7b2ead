import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createErasing, type Erasing } from '../../../src/tasks/erasing.ts';
import type { Task } from '../../../src/tasks/task.ts';
import { runningTask } from '../../support/newTask.ts';

let stuck: boolean;
let erased: string[];
let tries: number;
let erasing: Erasing;
const error = vi.fn();
const task: Task = runningTask();

beforeEach(() => {
  vi.useFakeTimers();
  [stuck, erased, tries] = [true, [], 0];
  erasing = createErasing({
    store: { erase: async (taskId) => void erased.push(taskId) },
    files: {
      async remove() {
        tries += 1;
        if (stuck) throw new Error('EIO');
      },
    },
    log: { error } as never,
    waits: [1_000, 4_000],
  });
});
afterEach(() => vi.useRealTimers());

test('a task that cannot be erased is tried again, ever later, until it is gone', async () => {
  await erasing.erase(task);
  expect([tries, erased]).toEqual([1, []]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(tries).toBe(2);
  stuck = false;
  await vi.advanceTimersByTimeAsync(3_999);
  expect(erased).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(erased).toEqual([task.taskId]);
});

test('what stays stuck is left to the cleanup, and at a stop to the next start', async () => {
  await erasing.erase(task);
  await vi.advanceTimersByTimeAsync(1e9);
  expect(tries).toBe(3);
  await erasing.erase(task);
  erasing.stop();
  await vi.advanceTimersByTimeAsync(1e9);
  expect(tries).toBe(4);
});
