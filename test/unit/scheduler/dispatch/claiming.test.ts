import { beforeEach, describe, expect, test, vi } from 'vitest';
import { claimNext, type ClaimingParts } from '../../../../src/scheduler/dispatch/claiming.ts';
import type { Turn } from '../../../../src/scheduler/admission/memoryAdmission.ts';
import type { Task } from '../../../../src/tasks/task.ts';
import type { AttemptId } from '../../../../src/tasks/attemptId.ts';
import type { InferenceWorker } from '../../../../src/workers/inference/inferenceWorker.ts';
import { newTask } from '../../../support/newTask.ts';
import { openQueueOnDisk, type QueueOnDisk } from '../../../support/queueOnDisk.ts';
import { noStaging } from '../../../support/noStaging.ts';
import { acceptTask } from '../../../support/acceptTask.ts';

const worker = {
  id: 'w',
  ready: { device: { total_memory_bytes: 0 } },
  holding: { models: [], device_bytes: null, device_used_bytes: null },
} as unknown as InferenceWorker;

let disk: QueueOnDisk;
let released: string[];

beforeEach(async () => {
  disk = await openQueueOnDisk();
  released = [];
  return () => disk.dispose();
});

const accept = () => acceptTask(disk.queue, newTask(), 1_000);

/** What claiming takes, on one idle worker; `turns` are given to the candidates in their order. */
function parts(turns: readonly Turn[], given: Partial<ClaimingParts> = {}): ClaimingParts {
  let asked = 0;
  return {
    queue: disk.queue,
    pool: {
      ready: () => [{ worker, device: 'cpu', isIdle: true }],
      lease: () => ({ worker, device: 'cpu', idleMs: 0, release: (how) => void released.push(how) }),
    },
    memory: {
      look: () => (_task, hasRoom) => {
        const turn = turns[Math.min(asked, turns.length - 1)] ?? 'pass';
        asked += 1;
        if (turn === 'start') hasRoom?.();
        return turn;
      },
    },
    devices: { hasRoom: () => true, takes: () => 0 },
    staging: noStaging,
    clock: disk.clock,
    isStopping: () => false,
    ...given,
  };
}

test('the oldest task that may start is claimed, in the order of the queue', async () => {
  const [first, second] = [await accept(), await accept(), await accept()];
  const claimed = await claimNext(parts(['pass', 'start']));
  expect(claimed?.task).toMatchObject({ taskId: second.taskId, status: 'processing', attempt: 1 });
  expect((await claimNext(parts(['start'])))?.task.taskId).toBe(first.taskId);
  expect(released).toEqual([]);
});

test('none is claimed behind one that waits, nor after a stop', async () => {
  for (let n = 0; n < 3; n += 1) await accept();
  expect(await claimNext(parts(['pass', 'wait', 'start']))).toBeUndefined();
  expect(await claimNext(parts(['start'], { isStopping: () => true }))).toBeUndefined();
  expect((await disk.queue.candidates({ limit: 10 })).length).toBe(3);
});

test('a bounded number is looked at, however long the queue is', async () => {
  for (let n = 0; n < 80; n += 1) await accept();
  const look = vi.fn<() => Turn>(() => 'pass');
  expect(await claimNext(parts([], { memory: { look: () => look } }))).toBeUndefined();
  expect(look).toHaveBeenCalledTimes(64);
});

test('one that is cancelled meanwhile is passed, and its worker is given back unused', async () => {
  const [first, second] = [await accept(), await accept()];
  const queue = {
    ...disk.queue,
    async claim(task: AttemptId, ...rest: [never, number]) {
      if (task.taskId === first.taskId) await disk.queue.cancel(first.taskId, null);
      return disk.queue.claim(task, ...rest);
    },
  };
  expect((await claimNext(parts(['start'], { queue })))?.task.taskId).toBe(second.taskId);
  expect(released).toEqual(['unused']);
});

test('where the claim cannot be written the worker is given back unused', async () => {
  await accept();
  const queue = { ...disk.queue, claim: () => Promise.reject(new Error('SQLITE_FULL')) };
  await expect(claimNext(parts(['start'], { queue }))).rejects.toThrow('SQLITE_FULL');
  expect(released).toEqual(['unused']);
});

describe('a task whose mixture is being staged', () => {
  const workers = (idle: number): ClaimingParts['pool'] => ({
    ready: () => Array.from({ length: 3 }, (_, at) => ({ worker, device: 'cpu', isIdle: at < idle })),
    lease: () => ({ worker, device: 'cpu', idleMs: 0, release: (how) => void released.push(how) }),
  });
  const stagingOf = (...tasks: Task[]) => ({
    isReady: (task: Task) => !tasks.some(({ taskId }) => taskId === task.taskId),
  });

  test('keeps the only idle worker waiting: none starts before it', async () => {
    const [first, second] = [await accept(), await accept()];
    const given = { pool: workers(1), staging: stagingOf(first) };
    expect(await claimNext(parts(['start'], given))).toBeUndefined();
    expect(await claimNext(parts(['start'], { ...given, staging: stagingOf() }))).toMatchObject({
      task: { taskId: first.taskId },
    });
    expect((await claimNext(parts(['start'], given)))?.task.taskId).toBe(second.taskId);
  });

  test('lets younger ones start on the other idle workers', async () => {
    const [first, second, third] = [await accept(), await accept(), await accept()];
    const claimed = await claimNext(parts(['start'], { pool: workers(2), staging: stagingOf(first) }));
    expect(claimed?.task.taskId).toBe(second.taskId);
    const both = stagingOf(first, third);
    expect(await claimNext(parts(['start'], { pool: workers(2), staging: both }))).toBeUndefined();
  });
});
