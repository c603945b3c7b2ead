import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createErasing, type Erasing } from '../../../src/retention/erasing.ts';
import type { Task } from '../../../src/tasks/task.ts';
import { runningTask } from '../../support/newTask.ts';

let stuck: boolean;
let removed: string[];
let erased: string[];
let tries: number;
let erasing: Erasing;
const error = vi.fn();
const task: Task = runningTask();

beforeEach(() => {
  vi.useFakeTimers();
  [stuck, removed, erased, tries] = [true, [], [], 0];
  error.mockClear();
  erasing = createErasing({
    queue: {
      async erase(taskId) {
        // As long as the rows are there, the files can be found.
        erased.push(taskId, ...removed);
      },
    },
    blobs: {
      async remove(key) {
        tries += 1;
        if (stuck) throw new Error('EIO');
        removed.push(key);
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
  expect(erased).toEqual([task.taskId, `results/${task.taskId}`, `inputs/${task.mixture.inputId}`]);
});

test('every try that fails is told, with the task and the reason', async () => {
  await erasing.erase(task);
  await vi.advanceTimersByTimeAsync(1_000);
  const told = { taskId: task.taskId, err: expect.objectContaining({ message: 'EIO' }) as unknown };
  expect(error.mock.calls).toEqual([
    [told, expect.any(String)],
    [told, expect.any(String)],
  ]);
});

test('a try that fails while the server stops is the last', async () => {
  const trying = erasing.erase(task);
  erasing.stop();
  await trying;
  await vi.advanceTimersByTimeAsync(1e9);
  expect(tries).toBe(1);
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
