import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  createMemoryAdmission,
  type MemoryAdmission,
  type SizedTask,
} from '../../../../src/scheduler/admission/memoryAdmission.ts';
import { taskBytes } from '../../../../src/tasks/resources/taskMemory.ts';
import { ManualClock } from '../../../support/manualClock.ts';
import { newMixture, newTask } from '../../../support/newTask.ts';

/** A model of one stem at 1 Hz: a mixture of one second takes 8 copies of two floats. */
const model = { sampleRate: 1, outputs: ['vocals'], chunking: null };
const BYTES_PER_SECOND = 8 * 2 * 4;
const estimate = (task: SizedTask) => taskBytes(task, task.modelType === 'starter' ? model : null);
/** Room for ten seconds. */
const usableBytes = 10 * BYTES_PER_SECOND;

let clock: ManualClock;
let memory: MemoryAdmission;
let seq = 0;
beforeEach(() => {
  clock = new ManualClock();
  memory = createMemoryAdmission({
    usableBytes,
    estimate,
    clock,
  });
});

type Attempt = Parameters<MemoryAdmission['begin']>[0];

const taskOf = (durationSeconds: number, modelType = 'starter'): Attempt => {
  seq += 1;
  return { ...newTask({ mixture: newMixture({ durationSeconds }), modelType }), seq, step: 0, attempt: 1 };
};

/** Claims as the queue does. */
function claim(queue: readonly Attempt[], hasRoom?: (task: Attempt) => boolean): Attempt | undefined {
  const turn = memory.look();
  for (const task of queue) {
    const itsTurn = turn(task, hasRoom && (() => hasRoom(task)));
    if (itsTurn === 'wait') return undefined;
    if (itsTurn === 'start') {
      memory.begin(task);
      return task;
    }
  }
  return undefined;
}

describe('beside each other', () => {
  test('tasks run whose estimates fit together, to the last byte', () => {
    const [four, six] = [taskOf(4), taskOf(6)];
    expect(claim([four, six])).toBe(four);
    expect(claim([six])).toBe(six);
    expect(claim([taskOf(0.001)])).toBeUndefined();
  });

  test('what one does not fit beside now, it does when that has ended', () => {
    const [first, second] = [taskOf(6), taskOf(6)];
    claim([first]);
    expect(claim([second])).toBeUndefined();
    memory.end(first);
    expect(claim([second])).toBe(second);
  });

  test('the end of an older attempt does not free the memory of the newer, which began before it was heard of', () => {
    const first = taskOf(6);
    claim([first]);
    expect(claim([{ ...first, attempt: 2 }])).toBeUndefined();
    memory.begin({ ...first, attempt: 2 });
    memory.end(first);
    expect(claim([taskOf(6)])).toBeUndefined();
  });

  test('a task alone runs whatever its estimate, and then nothing beside it', () => {
    const huge = taskOf(1000);
    expect(claim([huge])).toBe(huge);
    expect(claim([taskOf(1)])).toBeUndefined();
  });

  test('a task whose model is gone waits for no memory: it is only to fail', () => {
    claim([taskOf(10)]);
    const lost = taskOf(500, 'gone');
    expect(claim([lost])).toBe(lost);
  });
});

describe('a task that took more than the host had', () => {
  test('runs alone the next time, and as others do when that is over', () => {
    const [grown, small] = [taskOf(1), taskOf(1)];
    claim([grown]);
    memory.outgrew(grown);
    memory.end(grown);
    claim([small]);
    const second = { ...grown, attempt: 2 };
    expect(claim([second])).toBeUndefined();
    memory.end(small);
    expect(claim([second])).toBe(second);
    expect(claim([taskOf(1)])).toBeUndefined();
    memory.end(second);
    claim([taskOf(1)]);
    const third = { ...grown, attempt: 3 };
    expect(claim([third])).toBe(third);
  });

  test('runs beside others again in another step', () => {
    const [grown, small] = [taskOf(1), taskOf(1)];
    memory.begin(grown);
    memory.outgrew(grown);
    memory.end(grown);
    claim([small]);
    expect(claim([{ ...grown, attempt: 2 }])).toBeUndefined();
    const next = { ...grown, step: 1, attempt: 1 };
    expect(claim([next])).toBe(next);
  });
});

describe('a task that waits for memory', () => {
  test('is passed for sixty seconds by whatever fits, and then by nothing', () => {
    claim([taskOf(5)]);
    const large = taskOf(8);
    const [early, late] = [taskOf(1), taskOf(1)];
    expect(claim([large, early])).toBe(early);
    clock.advance(59_999);
    memory.end(early);
    expect(claim([large, late])).toBe(late);
    clock.advance(1);
    expect(claim([large, taskOf(1)])).toBeUndefined();
  });

  test('also for that of a GPU, is passed for sixty seconds, and then by nothing', () => {
    const [first, second, third] = [taskOf(1), taskOf(1), taskOf(1)];
    const onlyYounger = (task: Attempt) => task !== first;
    expect(claim([first, second], onlyYounger)).toBe(second);
    clock.advance(60_000);
    expect(claim([first, third], onlyYounger)).toBeUndefined();
    expect(claim([first, third], () => true)).toBe(first);
  });

  test('starts as soon as what runs leaves it room, before every younger one', () => {
    const running = taskOf(5);
    claim([running]);
    const large = taskOf(8);
    claim([large]);
    clock.advance(3_600_000);
    memory.end(running);
    expect(claim([large, taskOf(1)])).toBe(large);
  });

  test('keeps no other from starting once it is gone', () => {
    claim([taskOf(5)]);
    claim([taskOf(8)]);
    clock.advance(60_000);
    const next = taskOf(1);
    expect(claim([next])).toBe(next);
  });

  test('waits its own time: one that was passed before it was looked at begins at nothing', () => {
    claim([taskOf(5)]);
    clock.advance(60_000);
    const [large, small] = [taskOf(8), taskOf(1)];
    expect(claim([large, small])).toBe(small);
  });
});

test('whatever comes and however many workers there are: what runs together fits, and everything runs in the end', () => {
  const work = fc.record({
    seconds: fc.integer({ min: 1, max: 15 }),
    rounds: fc.integer({ min: 1, max: 5 }),
  });
  fc.assert(
    fc.property(
      fc.array(work, { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 4 }),
      (works, workers) => {
        memory = createMemoryAdmission({ usableBytes, estimate, clock });
        const left = new Map<string, number>();
        let queue = works.map(({ seconds, rounds }) => {
          const task = taskOf(seconds);
          left.set(task.taskId, rounds);
          return task;
        });
        let running: Attempt[] = [];
        for (let round = 0; queue.length + running.length > 0; round += 1) {
          expect(round).toBeLessThan(200);
          while (running.length < workers) {
            const task = claim(queue);
            if (!task) break;
            queue = queue.filter((other) => other !== task);
            running.push(task);
            const seconds = running.reduce((sum, { mixture }) => sum + mixture.durationSeconds, 0);
            expect(running.length === 1 || seconds <= 10).toBe(true);
          }
          clock.advance(20_000);
          running = running.filter((task) => {
            const rounds = (left.get(task.taskId) ?? 0) - 1;
            left.set(task.taskId, rounds);
            if (rounds === 0) memory.end(task);
            return rounds > 0;
          });
        }
      },
    ),
  );
});
