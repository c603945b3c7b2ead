import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLog } from '../../src/log/log.ts';
import { cleanUp } from '../../src/retention/cleanup.ts';
import { openDataFolder } from '../support/dataFolder.ts';
import { attempts, inputs, stems, tasks } from '../../src/queue/sqlite/schema.ts';
import type { Task } from '../../src/tasks/task.ts';
import { taskStatuses, type TaskStatus } from '../../src/tasks/taskState.ts';
import { taskAt } from '../support/agedTask.ts';
import { openQueueOnDisk, type QueueOnDisk } from '../support/queueOnDisk.ts';

// Few values, so that a task is often exactly as old as its kind is kept.
const hours = fc.integer({ min: 1, max: 8 });
const retention = fc.tuple(hours, hours, fc.nat({ max: 4 })).map(([completedMs, failedMs, longer]) => ({
  completedMs,
  failedMs,
  metadataMs: Math.max(completedMs, failedMs) + longer,
}));
const someTasks = fc.array(
  fc.record({ status: fc.constantFrom(...taskStatuses), age: fc.integer({ min: 0, max: 14 }) }),
  { maxLength: 8 },
);

test('exactly the tasks past their time lose their files and rows, and a second pass changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(someTasks, retention, async (given, kept) => {
      const disk = await openQueueOnDisk();
      const root = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-cleanup-'));
      try {
        const files = openDataFolder(root);
        const made: Task[] = [];
        for (const { status, age } of given) made.push(await taskAt(disk, files, status, age));
        const pass = () =>
          cleanUp(
            {
              queue: disk.queue,
              blobs: files,
              workspace: files.workspace,
              running: { has: () => false },
              isOpenUpload: () => false,
              retention: kept,
              clock: disk.clock,
              log: createLog('silent'),
            },
            new AbortController().signal,
          );

        await pass();
        const rows = new Set<string>();
        const stored = new Set<string>();
        for (const [index, { status, age }] of given.entries()) {
          const task = made[index];
          if (!task) throw new Error('a task is missing');
          const keepsRow = !hasEnded(status) || age <= kept.metadataMs;
          const keepsFiles =
            !hasEnded(status) || age <= (status === 'completed' ? kept.completedMs : kept.failedMs);
          if (keepsRow) rows.add(task.taskId);
          if (keepsFiles) {
            stored.add(task.mixture.storageKey).add(`results/${task.taskId}/1/drums.wav`);
            expect(await disk.queue.find(task.taskId, null)).toEqual(task);
          }
        }
        const first = await everything(disk, root);
        expect(new Set(first.tasks.map((row) => row.taskId))).toEqual(rows);
        expect(new Set(first.inputs.map((row) => row.inputId)).size).toBe(rows.size);
        for (const row of [...first.attempts, ...first.stems]) expect(rows).toContain(row.taskId);
        expect(new Set(first.files)).toEqual(stored);

        disk.reopen();
        await pass();
        expect(await everything(disk, root)).toEqual(first);
      } finally {
        await disk.dispose();
        await rm(root, { recursive: true, force: true });
      }
    }),
    { numRuns: 40 },
  );
});

const hasEnded = (status: TaskStatus) => status !== 'pending' && status !== 'processing';

/** Every row, and every file by its key. */
async function everything({ database: { orm } }: QueueOnDisk, root: string) {
  const found = await readdir(root, { recursive: true, withFileTypes: true });
  return {
    tasks: orm.select().from(tasks).all(),
    inputs: orm.select().from(inputs).all(),
    attempts: orm.select().from(attempts).all(),
    stems: orm.select().from(stems).all(),
    files: found
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
      .sort(),
  };
}
