import { beforeEach, describe, expect, test } from 'vitest';
import { createAdmission, type Admission, type TaskLimits } from '../../../src/service/admission.ts';
import { defaultOptions } from '../../support/newTask.ts';
import { starterModel } from '../../support/starterModel.ts';

let waiting: number;
let free: number;
let soonest: number | null;
beforeEach(() => {
  [waiting, free, soonest] = [0, 1e12, null];
});

const admissionOf = (limits: Partial<TaskLimits> = {}): Admission =>
  createAdmission({
    queue: {
      countByStatus: async () => ({ pending: waiting, processing: 9, completed: 9, failed: 9, cancelled: 9 }),
    },
    workspace: { freeBytes: async () => free },
    progress: { soonestEnd: () => soonest },
    limits: {
      maxFileSizeBytes: 1_000,
      maxAudioSeconds: 600,
      maxQueueSize: 2,
      hostMemoryBytes: 8e9,
      reserveDiskBytes: 0,
      ...limits,
    },
  });

const first = { contentLength: 10, isRepeat: false };

describe('before its body is read', () => {
  test('a request is refused that is longer than the longest file with a form around it', async () => {
    const atMost = 1_000 + 8_000_000;
    await expect(admissionOf().admit({ ...first, contentLength: atMost })).resolves.toBeUndefined();
    await expect(admissionOf().admit({ ...first, contentLength: atMost + 1 })).rejects.toMatchObject({
      code: 'FILE_TOO_LARGE',
      message: expect.stringContaining('at most 1000 bytes'),
    });
  });

  test('a request that does not say how long it is may come, where the disk takes anything at all', async () => {
    await expect(admissionOf().admit({ ...first, contentLength: null })).resolves.toBeUndefined();
    free = 0;
    await expect(admissionOf().admit({ ...first, contentLength: null })).rejects.toMatchObject({
      code: 'INSUFFICIENT_STORAGE',
    });
  });

  test('the last place of the queue is given, and no further one, whatever runs or has ended', async () => {
    waiting = 1;
    await expect(admissionOf().admit(first)).resolves.toBeUndefined();
    waiting = 2;
    await expect(admissionOf().admit(first)).rejects.toMatchObject({
      code: 'QUEUE_FULL',
      message: 'The queue is full: 2 tasks are waiting. Try again later.',
    });
  });

  test('what came before has its place, however many wait', async () => {
    waiting = 2;
    await expect(admissionOf().admit({ ...first, isRepeat: true })).resolves.toBeUndefined();
  });

  test('and from the shutdown on even that is refused, in ten seconds to be tried again', async () => {
    const admission = admissionOf();
    expect(() => {
      admission.refuseWhenClosed();
    }).not.toThrow();
    admission.close();
    await expect(admission.admit({ ...first, isRepeat: true })).rejects.toMatchObject({
      code: 'SHUTTING_DOWN',
      message: 'The server is shutting down. Try again in a moment.',
      hints: { retryAfterSeconds: 10 },
    });
  });
});

test.each([
  [null, 1],
  [0, 1],
  [17, 17],
  [300, 300],
  [301, 300],
])('where the first task ends in %s s, a full queue is to be asked again in %d s', (eta, seconds) => {
  soonest = eta;
  expect(admissionOf().queueFull(2)).toMatchObject({ hints: { retryAfterSeconds: seconds } });
});

describe('a disk', () => {
  test('with room for other tasks, but not for this one, says how much it would need', async () => {
    free = 5e6;
    await expect(admissionOf().requireSpace(5e6 - 1)).resolves.toBeUndefined();
    await expect(admissionOf().requireSpace(5e6 + 1)).rejects.toMatchObject({
      code: 'INSUFFICIENT_STORAGE',
      message: 'The server has no room for this task: it would need 6 MB. Try again later.',
    });
  });

  test('that is full says that nothing is taken at all', async () => {
    free = 1_000;
    await expect(admissionOf({ reserveDiskBytes: 1_000 }).requireSpace(1)).rejects.toThrow(
      'accepts no uploads now',
    );
    await expect(admissionOf({ reserveDiskBytes: 999 }).requireSpace(1)).rejects.toThrow('would need 1 MB');
  });
});

describe('audio', () => {
  const model = starterModel({ chunking: null });
  const lengthOf = (durationSeconds: number, limits: Partial<TaskLimits>) => () => {
    admissionOf(limits).requireLength({ durationSeconds }, model, defaultOptions);
  };

  test('that is longer than configured is told without a word about the memory', () => {
    expect(lengthOf(600, {})).not.toThrow();
    expect(lengthOf(601.4, {})).toThrow('The audio is 601 s long; at most 600 s are allowed.');
  });

  test('that the memory does not hold is told with the model, also where the configured limit is longer', () => {
    // Three stems at 44.1 kHz take 4.9 MB a second; four fifths of the memory may be used.
    const hostMemoryBytes = 620e6;
    expect(lengthOf(100, { hostMemoryBytes })).not.toThrow();
    expect(lengthOf(101, { hostMemoryBytes, maxAudioSeconds: 100 })).toThrow(/at most 100 s are allowed\.$/);
    for (const maxAudioSeconds of ['memory', 600] as const)
      expect(lengthOf(101, { hostMemoryBytes, maxAudioSeconds })).toThrow(
        'The audio is 101 s long; at most 100 s are allowed with the model "starter" and the memory of this server.',
      );
  });
});
