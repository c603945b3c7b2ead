import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { attempts, tasks } from '../../src/queue/sqlite/schema.ts';
import { canMove, taskStatuses, type TaskStatus } from '../../src/tasks/taskState.ts';
import { completion, failure, newTask, POISON } from '../support/newTask.ts';
import { openQueueOnDisk, type QueueOnDisk } from '../support/queueOnDisk.ts';
import { claim } from '../support/claim.ts';
import { attemptOf } from '../support/attemptOf.ts';

const MAX_PENDING = 6;

const hasEnded = (status: TaskStatus) => !taskStatuses.some((next) => canMove(status, next));

type Step =
  | { do: 'accept' | 'claim' | 'crash' }
  | { do: 'finish' | 'requeue'; task: number; attempt: number; good: boolean }
  | { do: 'cancel' | 'delete' | 'erase'; task: number };

const task = fc.nat({ max: 11 });
// Attempt 0 stands for the current one; the others are mostly those of a worker that comes late.
const attempt = fc.nat({ max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Step>({ do: 'accept' }) },
  { weight: 5, arbitrary: fc.constant<Step>({ do: 'claim' }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('finish', 'requeue'), task, attempt, good: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('cancel', 'delete', 'erase'), task }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'crash' }) },
);

/** What the test itself knows of a task that it made. */
interface Known {
  taskId: string;
  status: TaskStatus;
  attempt: number;
  deleted: boolean;
  /** Attempts up to the newest that a crash ended, without another end between them. */
  deathsInARow: number;
}

/** Runs a history against the queue and holds every answer against a model of a few lines. */
class History {
  readonly #disk: QueueOnDisk;
  readonly #known: Known[] = [];
  readonly #ended = { completed: 0, failed: 0, cancelled: 0 };

  constructor(disk: QueueOnDisk) {
    this.#disk = disk;
  }

  async take(next: Step): Promise<void> {
    switch (next.do) {
      case 'accept':
        return this.#accept();
      case 'claim':
        return this.#claim();
      case 'crash':
        return this.#crash();
      case 'finish':
      case 'requeue':
        return this.#endAttempt(next);
      case 'cancel':
      case 'delete':
      case 'erase':
        return this.#withdraw(next);
    }
  }

  async #accept(): Promise<void> {
    const fresh = newTask({ taskId: randomUUID() });
    const waiting = this.#visible('pending').length;
    if (waiting >= MAX_PENDING) {
      expect(await this.#disk.queue.accept(fresh, MAX_PENDING)).toBe('full');
      return;
    }
    await this.#disk.queue.accept(fresh, MAX_PENDING);
    this.#known.push({
      taskId: fresh.taskId,
      status: 'pending',
      attempt: 0,
      deleted: false,
      deathsInARow: 0,
    });
  }

  async #claim(): Promise<void> {
    const claimed = await claim(this.#disk.queue);
    const oldest = this.#visible('pending')[0];
    expect(claimed?.taskId).toBe(oldest?.taskId);
    if (!oldest) return;
    this.#move(oldest, 'processing');
    oldest.attempt += 1;
    expect(claimed?.attempt).toBe(oldest.attempt);
  }

  async #crash(): Promise<void> {
    this.#disk.reopen();
    const told = await this.#disk.queue.reclaimExpired(Infinity, POISON);
    const expected = this.#visible('processing').map((lost) => {
      lost.deathsInARow += 1;
      if (lost.deathsInARow < POISON.deathsInARow) this.#move(lost, 'pending');
      else this.#end(lost, 'failed');
      return { taskId: lost.taskId, step: 0, attempt: lost.attempt, status: lost.status };
    });
    expect(told).toEqual(expected);
  }

  async #endAttempt(next: Extract<Step, { attempt: number }>): Promise<void> {
    const known = this.#known[next.task];
    if (!known) return;
    const number = next.attempt === 0 ? known.attempt : next.attempt;
    const isCurrent = known.status === 'processing' && !known.deleted && number === known.attempt;
    const { queue } = this.#disk;
    const changed =
      next.do === 'requeue'
        ? await queue.requeue(attemptOf(known.taskId, number), {
            outcome: 'worker_died',
            countsAsFailure: next.good,
            notBefore: null,
          })
        : await queue.finish(
            attemptOf(known.taskId, number),
            next.good ? completion(known.taskId, number) : failure(),
          );
    expect(changed).toBe(isCurrent);
    if (!isCurrent) return;
    known.deathsInARow = 0;
    if (next.do === 'requeue') this.#move(known, 'pending');
    else this.#end(known, next.good ? 'completed' : 'failed');
  }

  async #withdraw(next: Extract<Step, { do: 'cancel' | 'delete' | 'erase' }>): Promise<void> {
    const known = this.#known[next.task];
    if (!known) return;
    const { queue } = this.#disk;
    if (next.do === 'cancel') {
      const answer = await queue.cancel(known.taskId, null);
      if (known.deleted) expect(answer).toBeUndefined();
      else if (hasEnded(known.status)) expect(answer).toBe('ended');
      else this.#end(known, 'cancelled');
    } else if (next.do === 'delete') {
      expect((await queue.markDeleted(known.taskId, null)) !== undefined).toBe(!known.deleted);
      known.deleted = true;
    } else if (known.deleted) {
      await queue.erase(known.taskId);
    }
  }

  #visible(status: TaskStatus): Known[] {
    return this.#known.filter((known) => !known.deleted && known.status === status);
  }

  #move(known: Known, to: TaskStatus): void {
    expect(canMove(known.status, to)).toBe(true);
    known.status = to;
  }

  #end(known: Known, how: 'completed' | 'failed' | 'cancelled'): void {
    this.#move(known, how);
    this.#ended[how] += 1;
  }

  async checkInvariants(): Promise<void> {
    const { queue, database } = this.#disk;
    for (const known of this.#known) {
      const found = await queue.find(known.taskId, null);
      if (known.deleted) expect(found).toBeUndefined();
      else expect(found).toMatchObject({ status: known.status, attempt: known.attempt });
      const stems = found ? await queue.stemsOf(found) : [];
      expect(stems.length > 0).toBe(found?.status === 'completed');
    }
    const rows = database.orm.select().from(attempts).all();
    for (const row of database.orm.select().from(tasks).all()) {
      const numbers = rows.filter(({ taskId }) => taskId === row.taskId).map((each) => each.attempt);
      expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: row.attempt }, (_, i) => i + 1));
      const open = rows.filter((each) => each.taskId === row.taskId && each.outcome === null);
      if (row.deletedAt === null) expect(open).toHaveLength(row.status === 'processing' ? 1 : 0);
    }
    const totals = this.#disk.totals();
    for (const [how, number] of Object.entries(this.#ended)) {
      expect(totals.get(`tasks_${how}`) ?? 0).toBe(number);
    }
    expect(await queue.countByStatus()).toEqual({
      pending: this.#visible('pending').length,
      processing: this.#visible('processing').length,
      completed: this.#visible('completed').length,
      failed: this.#visible('failed').length,
      cancelled: this.#visible('cancelled').length,
    });
  }
}

/** Histories in which a task is likely to see a row of crashes: a claim before each. */
const crashes: fc.Arbitrary<Step[]> = fc
  .array(fc.oneof({ weight: 5, arbitrary: fc.constant<Step>({ do: 'crash' }) }, step), {
    minLength: 4,
    maxLength: 12,
  })
  .map((steps) => [{ do: 'accept' }, ...steps.flatMap((each): Step[] => [{ do: 'claim' }, each])]);

test('whatever happens in whatever order, every accepted task is in one legal status, its attempts are numbered without a gap, late messages change nothing, and the totals are right', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.array(step, { minLength: 5, maxLength: 50 }), crashes), async (steps) => {
      const disk = await openQueueOnDisk();
      try {
        const history = new History(disk);
        for (const next of steps) await history.take(next);
        await history.checkInvariants();
      } finally {
        await disk.dispose();
      }
    }),
    { numRuns: 40 },
  );
});
