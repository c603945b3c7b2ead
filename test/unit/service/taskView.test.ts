import { describe, expect, test } from 'vitest';
import type { Progress } from '../../../src/tasks/progress.ts';
import type { Task } from '../../../src/tasks/task.ts';
import { createTaskViews } from '../../../src/service/taskView.ts';
import { runningTask } from '../../support/newTask.ts';

const LIVE: Progress = { percent: 40, stage: 'separating', etaSeconds: 7, updatedAt: 50 };

const viewsOf = (positions: Record<number, number>, live?: Progress) =>
  createTaskViews(
    {
      queuePosition: async (seq) => positions[seq] ?? 0,
      queuePositions: async (seqs) =>
        new Map(seqs.flatMap((seq) => (positions[seq] === undefined ? [] : [[seq, positions[seq]]]))),
    },
    { find: () => live },
  );

const at = (status: Task['status'], given: Partial<Task> = {}) =>
  runningTask({ status, createdAt: 10, startedAt: null, ...given });

describe('the progress of a task', () => {
  test('that has ended or waits again is not that of an attempt that was not forgotten yet', async () => {
    for (const status of ['pending', 'completed', 'failed', 'cancelled'] as const) {
      const { progress } = await viewsOf({}, LIVE).of(at(status));
      expect(progress).not.toEqual(LIVE);
    }
    expect((await viewsOf({}, LIVE).of(at('processing'))).progress).toEqual(LIVE);
  });

  test('that was just claimed is of the moment of the claim', async () => {
    expect((await viewsOf({}).of(at('processing', { startedAt: 20 }))).progress).toEqual({
      percent: 0,
      stage: 'loading_model',
      etaSeconds: 1,
      updatedAt: 20,
    });
  });

  test('that is completed is whole, since the moment of its end', async () => {
    const { progress } = await viewsOf({}).of(at('completed', { completedAt: 30 }));
    expect(progress).toEqual({ percent: 100, stage: 'completed', etaSeconds: null, updatedAt: 30 });
  });

  test.each([
    ['pending', null, 10],
    ['failed', 30, 30],
    ['cancelled', 30, 30],
  ] as const)('that is %s is none', async (status, completedAt, updatedAt) => {
    const { progress } = await viewsOf({}).of(at(status, { completedAt }));
    expect(progress).toEqual({ percent: 0, stage: 'queued', etaSeconds: null, updatedAt });
  });
});

describe('the place in the queue', () => {
  test('is told of a task that waits, and of no other', async () => {
    const views = viewsOf({ 5: 3 });
    expect((await views.of(at('pending', { seq: 5 }))).queuePosition).toBe(3);
    for (const status of ['processing', 'completed', 'failed', 'cancelled'] as const)
      expect((await views.of(at(status, { seq: 5 }))).queuePosition).toBeNull();
  });

  test('of a task that a worker took since its row was read is the first, alone and on a page', async () => {
    const task = at('pending', { seq: 5 });
    expect((await viewsOf({}).of(task)).queuePosition).toBe(1);
    expect((await viewsOf({}).ofAll([task]))[0]?.queuePosition).toBe(1);
  });

  test('on a page is that of each task, in the order of the page', async () => {
    const page = [at('pending', { seq: 9 }), at('completed', { seq: 8 }), at('pending', { seq: 7 })];
    const views = await viewsOf({ 7: 1, 8: 99, 9: 2 }).ofAll(page);
    expect(views.map(({ task, queuePosition }) => [task.seq, queuePosition])).toEqual([
      [9, 2],
      [8, null],
      [7, 1],
    ]);
  });
});
