import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AttemptOutcome, NewTask, TaskQueue } from '../../src/queue/taskQueue.ts';
import type { Task } from '../../src/tasks/task.ts';
import type { TaskEvent } from '../../src/tasks/taskEvent.ts';
import { claim as claimFirst, LEASE_UNTIL } from '../support/claim.ts';
import type { ManualClock } from '../support/manualClock.ts';
import { completion, defaultOptions, failure, newMixture, newTask, POISON } from '../support/newTask.ts';
import { attemptOf } from '../support/attemptOf.ts';
import { acceptTask } from '../support/acceptTask.ts';

/** A task queue under test, empty at first. */
export interface QueueBackend {
  queue: TaskQueue;
  clock: ManualClock;
  /** Every change that was announced, in order. */
  announced: readonly TaskEvent[];
  /** Every attempt the queue has a record of, task by task in their order, each task's oldest first. */
  attempts(): Promise<AttemptRecord[]>;
  /** Opens the queue anew, as a new server does after the old one died; `queue` is then another. */
  reopen(): void;
  dispose(): Promise<void>;
}

/** What a queue keeps of an attempt. */
export interface AttemptRecord {
  taskId: string;
  step: number;
  attempt: number;
  worker: string;
  device: string;
  startedAt: number;
  endedAt: number | null;
  outcome: AttemptOutcome | null;
}

const WORKER = { id: 'worker-0', device: 'cpu' };
const LOST = { outcome: 'worker_died', countsAsFailure: true, notBefore: null } as const;

/** What the port `TaskQueue` promises, as tests that every implementation passes. */
export function taskQueueConformance(name: string, openBackend: () => Promise<QueueBackend>): void {
  describe(`the task queue on ${name}`, () => {
    let backend: QueueBackend;
    let queue: TaskQueue;
    beforeEach(async () => {
      backend = await openBackend();
      ({ queue } = backend);
    });
    afterEach(() => backend.dispose());

    const accept = (given: Partial<NewTask> = {}): Promise<Task> => acceptTask(queue, newTask(given), 1000);

    async function acceptSeveral(howMany: number, given: Partial<NewTask> = {}): Promise<Task[]> {
      const accepted: Task[] = [];
      for (let i = 0; i < howMany; i += 1) accepted.push(await accept(given));
      return accepted;
    }

    async function claim(): Promise<Task> {
      const task = await claimFirst(queue);
      if (!task) throw new Error('nothing to claim');
      return task;
    }

    describe('candidates', () => {
      const idsOf = (found: readonly { task: Task }[]) => found.map(({ task }) => task.taskId);

      test('are the pending tasks in their order, no more than were asked for, and from behind one', async () => {
        const [first, second, third] = (await acceptSeveral(3)) as [Task, Task, Task];
        expect(idsOf(await queue.candidates({ limit: 2 }))).toEqual([first.taskId, second.taskId]);
        expect(idsOf(await queue.candidates({ after: first.seq, limit: 2 }))).toEqual([
          second.taskId,
          third.taskId,
        ]);
        await claim();
        expect(idsOf(await queue.candidates({ limit: 1 }))).toEqual([second.taskId]);
      });

      test('may be claimed in any order', async () => {
        const [first, second] = (await acceptSeveral(2)) as [Task, Task];
        expect(await queue.claim(second, WORKER, LEASE_UNTIL)).toMatchObject({
          status: 'processing',
          attempt: 1,
        });
        expect((await claim()).taskId).toBe(first.taskId);
      });

      test('are none any more when they were cancelled, deleted, claimed or requeued meanwhile', async () => {
        const [cancelled, deleted, claimed, requeued] = (await acceptSeveral(4)) as [Task, Task, Task, Task];
        await queue.cancel(cancelled.taskId, null);
        await queue.markDeleted(deleted.taskId, null);
        for (const task of [claimed, requeued]) await queue.claim(task, WORKER, LEASE_UNTIL);
        await queue.requeue(attemptOf(requeued.taskId, 1), LOST);
        const before = await backend.attempts();
        for (const task of [cancelled, deleted, claimed, requeued])
          expect(await queue.claim(task, WORKER, LEASE_UNTIL)).toBeUndefined();
        expect(await backend.attempts()).toEqual(before);
      });
    });

    describe('the lease of an attempt', () => {
      test('is renewed for the current attempt only', async () => {
        const [renewed, late] = (await acceptSeveral(2)) as [Task, Task];
        for (const task of [renewed, late]) await queue.claim(task, WORKER, 1_000);
        await queue.renew(
          [
            { ...renewed, attempt: 1 },
            { ...late, attempt: 0 },
          ],
          2_000,
        );
        expect(await queue.reclaimExpired(1_500, POISON)).toMatchObject([{ taskId: late.taskId }]);
      });

      test('decides whose task is reclaimed', async () => {
        const [expired, held] = (await acceptSeveral(2)) as [Task, Task];
        await queue.claim(expired, WORKER, 1_000);
        await queue.claim(held, WORKER, 2_000);
        expect(await queue.reclaimExpired(1_000, POISON)).toEqual([]);
        expect(await queue.reclaimExpired(1_001, POISON)).toMatchObject([{ taskId: expired.taskId }]);
        expect(await queue.statusOf(held.taskId)).toMatchObject({ status: 'processing' });
      });

      test('is renewed without another version of the task, and without an event', async () => {
        const { taskId } = await accept();
        await claim();
        const before = [await queue.find(taskId, null), backend.announced.length];
        await queue.renew([attemptOf(taskId, 1)], 5_000);
        expect([await queue.find(taskId, null), backend.announced.length]).toEqual(before);
      });
    });

    describe('a candidate says how its last attempt took its worker with it', () => {
      const toldOf = async () => {
        const told: unknown[] = [];
        const task = await claimFirst(queue, { id: 'worker-1', device: 'GPU-b' }, ({ lastFailure }) => {
          told.push(lastFailure);
          return true;
        });
        return { told, attempt: task?.attempt };
      };

      test.each(['worker_died', 'device_failed', 'hung'] as const)(
        'and on which device: %s',
        async (outcome) => {
          const { taskId } = await accept();
          expect(await toldOf()).toEqual({ told: [undefined], attempt: 1 });
          await queue.requeue(attemptOf(taskId, 1), { ...LOST, outcome });
          expect(await toldOf()).toEqual({ told: [{ device: 'GPU-b', outcome }], attempt: 2 });
        },
      );

      test('and nothing of one that the server ended, though an older one failed', async () => {
        const { taskId } = await accept();
        await toldOf();
        await queue.requeue(attemptOf(taskId, 1), LOST);
        await toldOf();
        await queue.requeue(attemptOf(taskId, 2), {
          outcome: 'server_stopped',
          countsAsFailure: false,
          notBefore: null,
        });
        expect((await toldOf()).told).toEqual([undefined]);
      });
    });

    describe('accepting', () => {
      test('gives back the task as it was handed in, pending, with no attempt', async () => {
        const given = newTask({
          owner: 'me',
          warnings: ['w'],
          mixture: newMixture({ stagingReason: 'M4A' }),
        });
        const task = await acceptTask(queue, given, 1);
        expect(task).toMatchObject({
          ...given,
          status: 'pending',
          attempt: 0,
          failures: 0,
          failure: null,
          createdAt: backend.clock.now(),
          startedAt: null,
          completedAt: null,
          processingSeconds: null,
        });
        expect(await queue.find(given.taskId, 'me')).toEqual(task);
      });

      test('survives a new start', async () => {
        const task = await accept();
        backend.reopen();
        expect(await backend.queue.find(task.taskId, null)).toEqual(task);
      });

      test('refuses the task beyond the limit of waiting ones, and leaves nothing of it', async () => {
        await acceptSeveral(2);
        const surplus = newTask();
        expect(await queue.accept(surplus, 2)).toBe('full');
        expect(await queue.find(surplus.taskId, null)).toBeUndefined();
        expect(await queue.hasInput(surplus.mixture.inputId)).toBe(false);
      });

      test('counts only waiting tasks against the limit', async () => {
        await acceptSeveral(2);
        await claim();
        await expect(acceptTask(queue, newTask(), 2)).resolves.toMatchObject({ status: 'pending' });
      });
    });

    describe('claiming', () => {
      test('goes in the order of arrival, whatever the clock says', async () => {
        const first = await accept();
        backend.clock.advance(-60_000);
        const second = await accept();
        expect((await claim()).taskId).toBe(first.taskId);
        expect((await claim()).taskId).toBe(second.taskId);
        expect(await claimFirst(queue)).toBeUndefined();
      });

      test('makes a new attempt of the worker', async () => {
        const task = await accept();
        expect(await claim()).toMatchObject({
          taskId: task.taskId,
          status: 'processing',
          attempt: 1,
          startedAt: backend.clock.now(),
        });
        const { taskId } = task;
        const startedAt = backend.clock.now();
        expect(await backend.attempts()).toEqual([
          {
            taskId,
            step: 0,
            attempt: 1,
            worker: 'worker-0',
            device: 'cpu',
            startedAt,
            endedAt: null,
            outcome: null,
          },
        ]);
      });

      test('a requeued task keeps its place before younger ones', async () => {
        const [first, second] = (await acceptSeveral(3)) as [Task, Task, Task];
        await claim();
        await claim();
        await queue.requeue(attemptOf(second.taskId, 1), LOST);
        await queue.requeue(attemptOf(first.taskId, 1), LOST);
        expect((await claim()).taskId).toBe(first.taskId);
        expect(await claim()).toMatchObject({ taskId: second.taskId, attempt: 2 });
      });

      test('many claims at once never give the same task twice', async () => {
        const accepted = await acceptSeveral(10);
        const claimed = await Promise.all(Array.from({ length: 15 }, () => claimFirst(queue)));
        const ids = claimed.flatMap((task) => (task ? [task.taskId] : []));
        expect(ids.sort()).toEqual(accepted.map((task) => task.taskId).sort());
      });

      test('passes a task that waits for its time, until then', async () => {
        const [first, second] = (await acceptSeveral(2)) as [Task, Task];
        await claim();
        const notBefore = backend.clock.now() + 5_000;
        await queue.requeue(attemptOf(first.taskId, 1), { ...LOST, notBefore });
        expect((await claim()).taskId).toBe(second.taskId);
        expect(await claimFirst(queue)).toBeUndefined();
        backend.clock.advance(5_000);
        expect((await claim()).taskId).toBe(first.taskId);
      });

      test('makes no task wait for hours because the clock was set back meanwhile', async () => {
        const [first] = (await acceptSeveral(2)) as [Task, Task];
        await claim();
        await queue.requeue(attemptOf(first.taskId, 1), { ...LOST, notBefore: backend.clock.now() + 5_000 });
        backend.clock.advance(-86_400_000);
        expect((await claim()).taskId).toBe(first.taskId);
      });
    });

    describe('the end of an attempt', () => {
      test('completes the task with its stems, in order, and its warnings', async () => {
        const { taskId } = await accept({ warnings: ['first'] });
        await claim();
        backend.clock.advance(2_500);
        expect(
          await queue.finish(attemptOf(taskId, 1), { ...completion(taskId, 1), warnings: ['second'] }),
        ).toBe(true);
        const task = (await queue.find(taskId, null))!;
        expect(task).toMatchObject({
          status: 'completed',
          completedAt: backend.clock.now(),
          processingSeconds: 2.5,
          warnings: ['first', 'second'],
          failure: null,
        });
        expect((await queue.stemsOf(task)).map((stem) => stem.instrument)).toEqual(['drums', 'bass']);
        expect(await backend.attempts()).toMatchObject([
          { outcome: 'completed', endedAt: backend.clock.now() },
        ]);
      });

      test('fails the task with its reason', async () => {
        const { taskId } = await accept();
        await claim();
        expect(await queue.finish(attemptOf(taskId, 1), failure())).toBe(true);
        expect(await queue.find(taskId, null)).toMatchObject({
          status: 'failed',
          failures: 1,
          failure: { code: 'SEPARATION_FAILED', message: 'The model failed.' },
        });
      });

      test('of an older attempt changes nothing', async () => {
        const { taskId } = await accept();
        await claim();
        await queue.requeue(attemptOf(taskId, 1), LOST);
        await claim();
        const before = await queue.find(taskId, null);
        expect(await queue.finish(attemptOf(taskId, 1), completion(taskId, 1))).toBe(false);
        expect(await queue.finish(attemptOf(taskId, 1), failure())).toBe(false);
        expect(await queue.requeue(attemptOf(taskId, 1), LOST)).toBe(false);
        expect(await queue.find(taskId, null)).toEqual(before);
        expect(await queue.stemsOf(before!)).toEqual([]);
        expect(await queue.totals()).toEqual({ completed: 0, failed: 0, cancelled: 0, processingSeconds: 0 });
      });

      test('of another step changes nothing, nor does its lease', async () => {
        const { taskId } = await accept();
        await queue.claim(attemptOf(taskId, 0), WORKER, 1_000);
        const before = [await queue.find(taskId, null), await backend.attempts()];
        const another = { taskId, step: 1, attempt: 1 };
        expect(await queue.finish(another, completion(taskId, 1))).toBe(false);
        expect(await queue.finish(another, failure())).toBe(false);
        expect(await queue.requeue(another, LOST)).toBe(false);
        await queue.renew([another], 2_000);
        expect([await queue.find(taskId, null), await backend.attempts()]).toEqual(before);
        expect(await queue.reclaimExpired(1_500, POISON)).toEqual([
          { taskId, step: 0, attempt: 1, status: 'pending' },
        ]);
        expect(await queue.claim(another, WORKER, 1_000)).toBeUndefined();
      });

      test('of an attempt that never was changes nothing', async () => {
        const { taskId } = await accept();
        expect(await queue.finish(attemptOf(taskId, 0), completion(taskId, 0))).toBe(false);
        expect(await queue.finish(attemptOf(taskId, 1), completion(taskId, 1))).toBe(false);
        expect(await queue.finish(attemptOf(randomUUID(), 1), failure())).toBe(false);
        expect(await queue.find(taskId, null)).toMatchObject({ status: 'pending' });
      });

      test('comes once: the second one changes nothing', async () => {
        const { taskId } = await accept();
        await claim();
        await queue.finish(attemptOf(taskId, 1), completion(taskId, 1));
        expect(await queue.finish(attemptOf(taskId, 1), failure())).toBe(false);
        expect(await queue.find(taskId, null)).toMatchObject({ status: 'completed', failure: null });
        expect(await queue.totals()).toEqual({
          completed: 1,
          failed: 0,
          cancelled: 0,
          processingSeconds: 2.5,
        });
      });

      test('by requeue frees the task from its start and counts the failure only when it is countsAsFailure', async () => {
        const { taskId } = await accept();
        await claim();
        await queue.requeue(attemptOf(taskId, 1), {
          outcome: 'server_stopped',
          countsAsFailure: false,
          notBefore: null,
        });
        expect(await queue.find(taskId, null)).toMatchObject({
          status: 'pending',
          attempt: 1,
          failures: 0,
          startedAt: null,
        });
        await claim();
        await queue.requeue(attemptOf(taskId, 2), LOST);
        expect(await queue.find(taskId, null)).toMatchObject({ attempt: 2, failures: 1 });
        expect((await backend.attempts()).map((row) => row.outcome)).toEqual([
          'server_stopped',
          'worker_died',
        ]);
      });
    });

    describe('a task is no worker’s any more', () => {
      test('the end of an attempt leaves the ends of those before it alone', async () => {
        const [first] = await acceptSeveral(2);
        await claim();
        backend.clock.advance(1_000);
        await queue.requeue(attemptOf(first?.taskId ?? '', 1), LOST);
        const [before] = await backend.attempts();
        await claim();
        await claim();
        backend.clock.advance(1_000);
        await queue.cancel(first?.taskId ?? '', null);
        const [older, newer, ofTheOther] = await backend.attempts();
        expect(older).toEqual(before);
        expect(newer).toMatchObject({ attempt: 2, outcome: 'cancelled' });
        expect(ofTheOther).toMatchObject({ outcome: null, endedAt: null });
      });
    });

    describe('the totals', () => {
      test('count how tasks ended, and what the completed ones took', async () => {
        const accepted = await acceptSeveral(6);
        const [a, b, c, d, e, f] = accepted.map(({ taskId }) => taskId) as [
          string,
          string,
          string,
          string,
          string,
          string,
        ];
        for (const [at, taskId] of [a, b, c, d].entries()) {
          await claim();
          await queue.finish(attemptOf(taskId, 1), at === 0 ? completion(taskId, 1) : failure(at > 1));
        }
        await queue.cancel(e, null);
        await queue.cancel(f, null);
        expect(await queue.totals()).toEqual({
          completed: 1,
          failed: 3,
          cancelled: 2,
          processingSeconds: 2.5,
        });
        expect(await queue.find(b, null)).toMatchObject({ failures: 0, processingSeconds: 1 });
        expect(await queue.find(c, null)).toMatchObject({ failures: 1 });
        expect(await queue.countByStatus()).toEqual({
          pending: 0,
          processing: 0,
          completed: 1,
          failed: 3,
          cancelled: 2,
        });
      });

      test('are nothing at first', async () => {
        expect(await queue.totals()).toEqual({ completed: 0, failed: 0, cancelled: 0, processingSeconds: 0 });
      });
    });

    describe('cancelling', () => {
      test('ends a waiting task, which is then never claimed', async () => {
        const { taskId } = await accept();
        expect(await queue.cancel(taskId, null)).toMatchObject({
          status: 'cancelled',
          startedAt: null,
          completedAt: backend.clock.now(),
        });
        expect(await claimFirst(queue)).toBeUndefined();
        expect((await queue.totals()).cancelled).toBe(1);
      });

      test('ends a running task, whose attempt can then finish nothing', async () => {
        const { taskId } = await accept();
        await claim();
        expect(await queue.cancel(taskId, null)).toMatchObject({ status: 'cancelled' });
        expect(await queue.finish(attemptOf(taskId, 1), completion(taskId, 1))).toBe(false);
        expect(await queue.requeue(attemptOf(taskId, 1), LOST)).toBe(false);
        expect(await queue.find(taskId, null)).toMatchObject({ status: 'cancelled' });
        expect(await backend.attempts()).toMatchObject([{ outcome: 'cancelled' }]);
      });

      test('of an ended task says so, and of no task says nothing', async () => {
        const { taskId } = await accept();
        await claim();
        await queue.finish(attemptOf(taskId, 1), completion(taskId, 1));
        expect(await queue.cancel(taskId, null)).toBe('ended');
        expect(await queue.cancel(randomUUID(), null)).toBeUndefined();
        expect((await queue.totals()).cancelled).toBe(0);
      });
    });

    describe('deleting', () => {
      test('hides the task from every call', async () => {
        const { taskId, seq } = await accept();
        await claim();
        await queue.markDeleted(taskId, null);
        expect(await queue.find(taskId, null)).toBeUndefined();
        expect(await queue.page({ owner: null, status: undefined, before: undefined, limit: 9 })).toEqual([]);
        expect(await queue.countByStatus()).toMatchObject({ pending: 0, processing: 0 });
        expect(await queue.cancel(taskId, null)).toBeUndefined();
        expect(await queue.markDeleted(taskId, null)).toBeUndefined();
        expect(await queue.finish(attemptOf(taskId, 1), completion(taskId, 1))).toBe(false);
        expect(await queue.requeue(attemptOf(taskId, 1), LOST)).toBe(false);
        await queue.reclaimExpired(Infinity, POISON);
        expect(await claimFirst(queue)).toBeUndefined();
        expect(await queue.queuePosition(seq)).toBe(0);
      });

      test('leaves the mark for the next start to find', async () => {
        const { taskId } = await accept();
        await queue.markDeleted(taskId, null);
        backend.reopen();
        expect((await backend.queue.markedDeleted()).map((task) => task.taskId)).toEqual([taskId]);
      });

      test('erases every row of the task, and its input', async () => {
        const { taskId, mixture } = await accept();
        await claim();
        await queue.finish(attemptOf(taskId, 1), completion(taskId, 1));
        const task = (await queue.markDeleted(taskId, null))!;
        await queue.erase(taskId);
        expect(await queue.markedDeleted()).toEqual([]);
        expect(await queue.statusOf(taskId)).toBeUndefined();
        expect(await queue.hasInput(mixture.inputId)).toBe(false);
        expect(await queue.stemsOf(task)).toEqual([]);
        expect(await backend.attempts()).toEqual([]);
        const { processingSeconds } = task;
        expect(await queue.totals()).toEqual({ completed: 1, failed: 0, cancelled: 0, processingSeconds });
      });

      test('of an erased task again does nothing', async () => {
        await expect(queue.erase(randomUUID())).resolves.toBeUndefined();
      });

      test('never frees a sequence number: a new task comes after every old one', async () => {
        const old = await accept();
        await queue.markDeleted(old.taskId, null);
        await queue.erase(old.taskId);
        expect((await accept()).seq).toBeGreaterThan(old.seq);
      });
    });

    describe('a new start', () => {
      test('puts every interrupted task back in its place and closes its attempt, without burning it', async () => {
        const [first, second, third] = (await acceptSeveral(3)) as [Task, Task, Task];
        await claim();
        await claim();
        await queue.finish(attemptOf(second.taskId, 1), completion(second.taskId, 1));
        backend.reopen();
        ({ queue } = backend);
        expect(await queue.reclaimExpired(Infinity, POISON)).toHaveLength(1);
        expect(await queue.find(first.taskId, null)).toMatchObject({
          status: 'pending',
          failures: 0,
          startedAt: null,
        });
        expect(await queue.find(second.taskId, null)).toMatchObject({ status: 'completed' });
        expect((await backend.attempts()).map((row) => row.outcome)).toEqual(['server_died', 'completed']);
        expect(await claim()).toMatchObject({ taskId: first.taskId, attempt: 2 });
        expect((await claim()).taskId).toBe(third.taskId);
      });

      test('fails a task whose last three attempts a death of the server ended, counts it, and goes on with the next', async () => {
        const [poison, other] = (await acceptSeveral(2)) as [Task, Task];
        const seen: string[] = [];
        for (const attempt of [1, 2, 3]) {
          expect(await claim()).toMatchObject({ taskId: poison.taskId, attempt });
          const [lost] = await queue.reclaimExpired(Infinity, POISON);
          expect(lost).toMatchObject({ taskId: poison.taskId, attempt });
          seen.push(lost!.status);
        }
        expect(seen).toEqual(['pending', 'pending', 'failed']);
        expect(await queue.find(poison.taskId, null)).toMatchObject({
          status: 'failed',
          failure: POISON.failure,
          failures: 0,
          completedAt: backend.clock.now(),
          processingSeconds: null,
        });
        expect((await backend.attempts()).map((row) => row.outcome)).toEqual(Array(3).fill('server_died'));
        expect(await queue.totals()).toMatchObject({ failed: 1 });
        expect(await queue.reclaimExpired(Infinity, POISON)).toEqual([]);
        expect((await claim()).taskId).toBe(other.taskId);
      });

      test.each(['server_stopped', 'worker_died'] as const)(
        'begins a new row of deaths after an attempt that ended by %s',
        async (outcome) => {
          const { taskId } = await accept();
          const die = async () => {
            await claim();
            return (await queue.reclaimExpired(Infinity, POISON))[0]?.status;
          };
          expect([await die(), await die()]).toEqual(['pending', 'pending']);
          const { attempt } = await claim();
          await queue.requeue(attemptOf(taskId, attempt), {
            outcome,
            countsAsFailure: false,
            notBefore: null,
          });
          expect([await die(), await die(), await die()]).toEqual(['pending', 'pending', 'failed']);
        },
      );

      test('leaves a deleted task to its deletion', async () => {
        const { taskId } = await accept();
        await claim();
        await queue.markDeleted(taskId, null);
        expect(await queue.reclaimExpired(Infinity, POISON)).toEqual([]);
        expect((await queue.markedDeleted()).map((task) => task.taskId)).toEqual([taskId]);
      });
    });

    describe('an owner', () => {
      test('sees and changes only the own tasks; anothers are as absent as none', async () => {
        const mine = await accept({ owner: 'me' });
        const nobodys = await accept();
        const page = (owner: string | null) =>
          queue.page({ owner, status: undefined, before: undefined, limit: 9 });
        for (const [task, stranger] of [
          [mine, 'you'],
          [mine, null],
          [nobodys, 'me'],
        ] as const) {
          expect(await queue.find(task.taskId, stranger)).toBeUndefined();
          expect(await queue.cancel(task.taskId, stranger)).toBeUndefined();
          expect(await queue.markDeleted(task.taskId, stranger)).toBeUndefined();
        }
        expect((await page('me')).map((task) => task.taskId)).toEqual([mine.taskId]);
        expect((await page(null)).map((task) => task.taskId)).toEqual([nobodys.taskId]);
        expect(await page('you')).toEqual([]);
        expect(await queue.countByStatus()).toMatchObject({ pending: 2 });
      });
    });

    describe('looking', () => {
      test('what is told of a task is its status and its newest attempt, and a deleted one has none', async () => {
        const { taskId } = await accept();
        expect(await queue.statusOf(taskId)).toEqual({ status: 'pending', step: 0, attempt: 0 });
        await claim();
        await queue.requeue(attemptOf(taskId, 1), LOST);
        await claim();
        expect(await queue.statusOf(taskId)).toEqual({ status: 'processing', step: 0, attempt: 2 });
        await queue.markDeleted(taskId, null);
        expect([await queue.statusOf(taskId), await queue.statusOf(randomUUID())]).toEqual([
          undefined,
          undefined,
        ]);
      });

      test('the queue position counts from 1, and a passed task still counts', async () => {
        const [first, second] = (await acceptSeveral(2)) as [Task, Task];
        expect(await queue.queuePosition(first.seq)).toBe(1);
        expect(await queue.queuePosition(second.seq)).toBe(2);
        await claim();
        expect(await queue.queuePosition(second.seq)).toBe(1);
      });

      test('a page is newest first and filters by status', async () => {
        const [first, second, third] = (await acceptSeveral(3)) as [Task, Task, Task];
        await claim();
        const page = async (status: Task['status'] | undefined, before?: number) =>
          (await queue.page({ owner: null, status, before, limit: 2 })).map((task) => task.seq);
        expect(await page(undefined)).toEqual([third.seq, second.seq]);
        expect(await page(undefined, second.seq)).toEqual([first.seq]);
        expect(await page('pending')).toEqual([third.seq, second.seq]);
        expect(await page('processing')).toEqual([first.seq]);
      });

      test('every change of status counts the version up', async () => {
        const { taskId, version } = await accept();
        const claimed = await claim();
        expect(claimed.version).toBe(version + 1);
        await queue.finish(attemptOf(taskId, 1), completion(taskId, 1));
        expect((await queue.find(taskId, null))!.version).toBe(version + 2);
      });

      test('the throughputs are those of completed tasks, newest first, with what each took', async () => {
        const [first, second] = (await acceptSeveral(3)) as [Task, Task, Task];
        await claim();
        await claim();
        await claim();
        await queue.finish(attemptOf(first.taskId, 1), completion(first.taskId, 1));
        await queue.finish(attemptOf(second.taskId, 1), failure());
        expect(await queue.recentThroughputs()).toEqual([
          { modelType: 'starter', modelVersion: '1', device: 'cpu', workSeconds: 2.5, audioSeconds: 10 },
        ]);
      });

      test('the places of several are those of each alone, without those that do not wait', async () => {
        const accepted = await acceptSeveral(6);
        await claim();
        await queue.markDeleted((accepted[3] as Task).taskId, null);
        const waiting = accepted.filter((_, n) => ![0, 3].includes(n));
        const alone = await Promise.all(
          waiting.map(async ({ seq }) => [seq, await queue.queuePosition(seq)] as const),
        );
        expect(await queue.queuePositions(accepted.map(({ seq }) => seq))).toEqual(new Map(alone));
        expect(alone.map(([, position]) => position)).toEqual([1, 2, 3, 4]);
        expect(await queue.queuePositions([])).toEqual(new Map());
      });

      test('a throughput is for what the network hears: two shifts with three passes each hear its ten seconds six times', async () => {
        const options = { ...defaultOptions, bigshifts: 2, useTta: true };
        const { taskId } = await acceptTask(queue, newTask({ options }), 10);
        await claim();
        await queue.finish(attemptOf(taskId, 1), completion(taskId, 1));
        const [throughput] = await queue.recentThroughputs();
        expect(throughput).toMatchObject({ workSeconds: 2.5, audioSeconds: 60 });
      });

      test('the next tasks are those that wait for a worker only, in their order, and no more than asked for', async () => {
        const [first, second, third, fourth, fifth] = (await acceptSeveral(5)) as [
          Task,
          Task,
          Task,
          Task,
          Task,
        ];
        await claim();
        await claim();
        await queue.requeue(attemptOf(first.taskId, 1), { ...LOST, notBefore: backend.clock.now() + 5_000 });
        await queue.markDeleted(third.taskId, null);
        const next = async (limit: number) => (await queue.nextPending(limit)).map(({ seq }) => seq);
        expect(await next(9)).toEqual([fourth.seq, fifth.seq]);
        expect(await next(1)).toEqual([fourth.seq]);
        await queue.requeue(attemptOf(second.taskId, 1), LOST);
        expect(await next(2)).toEqual([second.seq, fourth.seq]);
      });

      test('a throughput that was kept before versions were is of no known one, and the newest is first', async () => {
        const older = await accept({ modelVersion: null });
        const newer = await accept({ modelType: 'vocals', modelVersion: '2' });
        for (const { taskId } of [older, newer]) {
          await claim();
          await queue.finish(attemptOf(taskId, 1), completion(taskId, 1));
        }
        expect(await queue.recentThroughputs()).toEqual([
          { modelType: 'vocals', modelVersion: '2', device: 'cpu', workSeconds: 2.5, audioSeconds: 10 },
          { modelType: 'starter', modelVersion: null, device: 'cpu', workSeconds: 2.5, audioSeconds: 10 },
        ]);
        expect(await queue.find(older.taskId, null)).toMatchObject({ modelVersion: null });
      });

      test('the stems are those of the attempt that completed the task', async () => {
        const { taskId } = await accept();
        await claim();
        await queue.finish(attemptOf(taskId, 1), completion(taskId, 1));
        const task = (await queue.find(taskId, null))!;
        const stems = await queue.stemsOf(task);
        expect(stems).toMatchObject(completion(taskId, 1).stems);
        expect(await queue.stemsOf({ ...task, attempt: 2 })).toEqual([]);
      });
    });

    describe('what is over', () => {
      /** Tasks that have failed, one after the other, a second between. */
      async function failed(howMany: number): Promise<Task[]> {
        const accepted = await acceptSeveral(howMany);
        for (const { taskId } of accepted) {
          await claim();
          backend.clock.advance(1_000);
          await queue.finish(attemptOf(taskId, 1), failure());
        }
        return Promise.all(accepted.map(async ({ taskId }) => (await queue.find(taskId, null))!));
      }
      const page = (limit = 9, after?: Task) => ({ endedBefore: backend.clock.now() + 1, after, limit });
      const ids = (tasksOfPage: readonly Task[]) => tasksOfPage.map(({ taskId }) => taskId);

      test('is shown page by page, the oldest end first, to the status that is asked for, up to that moment', async () => {
        const all = await failed(3);
        const first = await queue.ended({ ...page(2), status: 'failed' });
        expect(ids(first)).toEqual(ids(all.slice(0, 2)));
        expect(ids(await queue.ended({ ...page(2, first[1]), status: 'failed' }))).toEqual(ids(all.slice(2)));
        expect(await queue.ended({ ...page(), status: 'completed' })).toEqual([]);
        expect(ids(await queue.ended({ ...page(), endedBefore: all[2]!.completedAt! }))).toEqual(
          ids(all.slice(0, 2)),
        );
      });

      test('of one moment goes on behind the last one that was shown', async () => {
        const accepted = await acceptSeveral(3);
        for (const { taskId } of accepted) await queue.cancel(taskId, null);
        const [first] = await queue.ended(page(1));
        expect(ids(await queue.ended(page(9, first)))).toEqual(ids(accepted.slice(1)));
      });

      test('and deleted does not expire', async () => {
        const [task] = (await failed(1)) as [Task];
        await queue.markDeleted(task.taskId, null);
        expect(await queue.expire({ ...page(), status: 'failed' })).toEqual([]);
        expect(await queue.ended({ ...page(), status: 'failed' })).toEqual([]);
      });
    });

    describe('events', () => {
      test('come one for each change, numbered for each owner from 1 without a gap', async () => {
        const mine = await accept({ owner: 'me' });
        const nobodys = await accept();
        await claim();
        await queue.finish(attemptOf(mine.taskId, 1), completion(mine.taskId, 1));
        await queue.finish(attemptOf(mine.taskId, 1), failure());
        await queue.cancel(nobodys.taskId, null);
        await queue.markDeleted(mine.taskId, 'me');
        expect(backend.announced.map(({ type, number, task: { owner } }) => [owner, number, type])).toEqual([
          ['me', 1, 'task.queued'],
          [null, 1, 'task.queued'],
          ['me', 2, 'task.started'],
          ['me', 3, 'task.completed'],
          [null, 2, 'task.cancelled'],
          ['me', 4, 'task.deleted'],
        ]);
      });
    });
  });
}
