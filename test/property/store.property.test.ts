import fc from 'fast-check';
import { expect, test } from 'vitest';
import { newTask } from '../support/newTask.ts';
import { openQueueOnDisk } from '../support/queueOnDisk.ts';
import { acceptTask } from '../support/acceptTask.ts';

test('a walk by cursor gives every task that was there all along exactly once, newest first, whatever comes and goes meanwhile', async () => {
  const meanwhile = fc.array(
    fc.oneof(
      fc.constant({ do: 'insert' as const }),
      fc.record({ do: fc.constant('delete' as const), task: fc.nat({ max: 20 }) }),
    ),
    { maxLength: 3 },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 12 }),
      fc.integer({ min: 1, max: 5 }),
      fc.array(meanwhile, { maxLength: 10 }),
      async (howMany, limit, changes) => {
        const disk = await openQueueOnDisk();
        try {
          const { queue } = disk;
          const start: string[] = [];
          const gone = new Set<string>();
          const insert = async () => (await acceptTask(queue, newTask(), 1000)).taskId;
          for (let i = 0; i < howMany; i += 1) start.push(await insert());
          const walked: { taskId: string; seq: number }[] = [];
          for (let page = 0; ; page += 1) {
            const before = walked.at(-1)?.seq;
            const tasks = await queue.page({ owner: null, status: undefined, before, limit });
            walked.push(...tasks);
            if (tasks.length < limit) break;
            for (const change of changes[page] ?? []) {
              const victim = change.do === 'delete' ? start[change.task] : undefined;
              if (change.do === 'insert') await insert();
              else if (victim !== undefined && (await queue.markDeleted(victim, null))) gone.add(victim);
            }
          }
          const ids = walked.map((task) => task.taskId);
          expect(new Set(ids).size).toBe(ids.length);
          expect(walked.map((task) => task.seq)).toEqual(
            walked.map((task) => task.seq).sort((a, b) => b - a),
          );
          const stayed = start.filter((taskId) => !gone.has(taskId));
          expect(stayed.filter((taskId) => !ids.includes(taskId))).toEqual([]);
          expect(ids.filter((taskId) => !start.includes(taskId))).toEqual([]);
        } finally {
          await disk.dispose();
        }
      },
    ),
    { numRuns: 25 },
  );
});

test('the owner of a page never sees a task of another one', async () => {
  const owner = fc.constantFrom(null, 'a', 'b', "'; DROP TABLE tasks; --");
  await fc.assert(
    fc.asyncProperty(fc.array(owner, { maxLength: 8 }), owner, async (owners, asking) => {
      const disk = await openQueueOnDisk();
      try {
        for (const each of owners) await acceptTask(disk.queue, newTask({ owner: each }), 1000);
        const page = await disk.queue.page({
          owner: asking,
          status: undefined,
          before: undefined,
          limit: 99,
        });
        expect(page.map((task) => task.owner)).toEqual(owners.filter((each) => each === asking));
      } finally {
        await disk.dispose();
      }
    }),
    { numRuns: 15 },
  );
});
