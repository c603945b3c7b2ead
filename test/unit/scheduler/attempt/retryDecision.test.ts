import { describe, expect, test } from 'vitest';
import { decideRetry } from '../../../../src/scheduler/attempt/retryDecision.ts';
import {
  ChildDied,
  ChildFailure,
  KilledForMemory,
  WorkerHung,
} from '../../../../src/workers/process/childErrors.ts';
import { failureKindSchema } from '../../../../src/contract/protocol.ts';
import { runningTask } from '../../../support/newTask.ts';

const NORMAL = { stopping: false, cancelled: false, maxAttempts: 3, retryDelayMs: 5_000 };
const died = new ChildDied({ exitCode: null, signal: 'SIGKILL' });
const refused = (kind: ChildFailure['kind']) => new ChildFailure(kind, 'Said in words.', 'Traceback: secret');

describe('a dead worker', () => {
  test('costs its task one attempt, and the task goes on', () => {
    expect(decideRetry(died, runningTask(), NORMAL)).toEqual({
      next: 'requeue',
      outcome: 'worker_died',
      countsAsFailure: true,
    });
  });

  test('that its GPU failed (exit code 70) is told apart, for the next attempt to be elsewhere', () => {
    const failed = new ChildDied({ exitCode: 70, signal: null });
    expect(decideRetry(failed, runningTask(), NORMAL)).toEqual({
      next: 'requeue',
      outcome: 'device_failed',
      countsAsFailure: true,
    });
  });

  test('fails its task when it is the second', () => {
    expect(decideRetry(died, runningTask({ failures: 1, attempt: 2 }), NORMAL)).toEqual({
      next: 'fail',
      failure: {
        code: 'WORKER_CRASHED',
        message: 'The worker process ended 2 times while it worked on this task.',
      },
      countsAsFailure: true,
    });
  });

  test('fails its task at once where one attempt is all there is', () => {
    expect(decideRetry(died, runningTask(), { ...NORMAL, maxAttempts: 1 })).toMatchObject({
      next: 'fail',
      failure: { code: 'WORKER_CRASHED', message: 'The worker process ended while it worked on this task.' },
    });
  });

  test('does not fail a task for attempts that were lost without its fault', () => {
    expect(decideRetry(died, runningTask({ attempt: 7, failures: 0 }), NORMAL)).toMatchObject({
      next: 'requeue',
    });
  });
});

describe('a worker that the kernel killed for want of memory', () => {
  const killed = new KilledForMemory(died);

  test('costs its task one attempt', () => {
    expect(decideRetry(killed, runningTask(), NORMAL)).toEqual(decideRetry(died, runningTask(), NORMAL));
  });

  test('fails its task when it is the second that died, with what can be done', () => {
    expect(decideRetry(killed, runningTask({ failures: 1 }), NORMAL)).toMatchObject({
      next: 'fail',
      failure: {
        code: 'OUT_OF_MEMORY',
        message: expect.stringMatching(/memory was full.* 2 times.*shorter/),
      },
    });
  });
});

describe('a hang', () => {
  const hung = (hang: WorkerHung['hang']) => new WorkerHung(hang, died);

  test.each([
    [0, 5_000],
    [1, 10_000],
    [2, 20_000],
    [9, 60_000],
  ])('after %d failures uses up an attempt, and the next one waits %d ms', (failures, delayMs) => {
    const context = { ...NORMAL, maxAttempts: 100 };
    expect(decideRetry(hung('silent'), runningTask({ failures }), context)).toEqual({
      next: 'requeue',
      outcome: 'hung',
      countsAsFailure: true,
      delayMs,
    });
  });

  test.each([
    ['silent', /stopped answering/],
    ['stalled', /stopped computing/],
    ['overdue', /longer than it should/],
  ] as const)('in the last attempt, of the kind %s, fails the task as TIMEOUT and says how', (hang, how) => {
    expect(decideRetry(hung(hang), runningTask({ failures: 2 }), NORMAL)).toEqual({
      next: 'fail',
      failure: { code: 'TIMEOUT', message: expect.stringMatching(how) as string },
      countsAsFailure: true,
    });
  });

  test('and a death together are two workers that the task took down', () => {
    expect(decideRetry(died, runningTask({ failures: 1 }), NORMAL)).toMatchObject({
      failure: { code: 'WORKER_CRASHED' },
    });
  });
});

test.each([
  ['UNSUPPORTED_FORMAT', 'INVALID_AUDIO'],
  ['INVALID_AUDIO', 'INVALID_AUDIO'],
  ['OUT_OF_MEMORY', 'OUT_OF_MEMORY'],
  ['INSUFFICIENT_STORAGE', 'INSUFFICIENT_STORAGE'],
  ['MODEL_UNAVAILABLE', 'SEPARATION_FAILED'],
  ['SEPARATION_FAILED', 'SEPARATION_FAILED'],
  ['CANCELLED', 'SEPARATION_FAILED'],
  ['INTERNAL', 'SEPARATION_FAILED'],
] as const)(
  'an attempt that ended with %s fails the task at once as %s, in the words of the worker',
  (kind, code) => {
    expect(decideRetry(refused(kind), runningTask(), NORMAL)).toEqual({
      next: 'fail',
      failure: { code, message: 'Said in words.' },
      countsAsFailure: true,
    });
  },
);

test.each(failureKindSchema.options)('no traceback of a failure of kind %s reaches the task', (kind) => {
  expect(JSON.stringify(decideRetry(refused(kind), runningTask(), NORMAL))).not.toContain('Traceback');
});

test('an error of the server itself fails the task without its own words', () => {
  const decision = decideRetry(new Error('ENOENT: /srv/data/x'), runningTask(), NORMAL);
  const message = 'The server could not run this task; its log says why.';
  expect(decision).toEqual({
    next: 'fail',
    failure: { code: 'SEPARATION_FAILED', message },
    countsAsFailure: true,
  });
  expect(JSON.stringify(decision)).not.toContain('/srv');
});

test('a full disk of the server fails the task as that, without its own words', () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, mkdir /srv'), { code: 'ENOSPC' });
  expect(decideRetry(full, runningTask(), NORMAL)).toEqual({
    next: 'fail',
    failure: {
      code: 'INSUFFICIENT_STORAGE',
      message: 'The disk of the server is full, so this task could not be completed. Submit it again later.',
    },
    countsAsFailure: true,
  });
});

describe.each([died, new KilledForMemory(died), refused('OUT_OF_MEMORY'), new Error('x')])(
  'after %s',
  (error) => {
    test('a stop of the server, which cancels what runs, burns no attempt and gives the task back', () => {
      for (const cancelled of [false, true]) {
        const context = { ...NORMAL, stopping: true, cancelled };
        expect(decideRetry(error, runningTask({ failures: 5 }), context)).toEqual({
          next: 'requeue',
          outcome: 'server_stopped',
          countsAsFailure: false,
        });
      }
    });

    test('a cancelled task stays as it is', () => {
      expect(decideRetry(error, runningTask(), { ...NORMAL, cancelled: true })).toEqual({ next: 'nothing' });
    });
  },
);
