import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLog } from '../../../../src/log/log.ts';
import { watchAttempt } from '../../../../src/workers/inference/attemptWatch.ts';
import { ChildDied, ChildFailure } from '../../../../src/workers/process/childErrors.ts';
import { TIMEOUTS } from '../../../../src/workers/health/timeouts.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A worker that notes what is done to it, and the attempt in it. */
function begin() {
  const done: string[] = [];
  let resolve: (stems: string) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const running = new Promise<string>((...settle) => {
    [resolve, reject] = settle;
  });
  const attempt = { resolve, reject };
  const died = new ChildDied({ exitCode: null, signal: 'SIGKILL' });
  const worker = {
    id: 'worker-0',
    dump: () => done.push('dump'),
    kill() {
      done.push('kill');
      attempt.reject(died);
    },
  };
  const watched = {
    worker,
    taskId: 'task',
    expectedSeconds: 1,
    timeouts: TIMEOUTS,
    log: createLog('silent'),
  };
  const clock = { now: () => Date.now(), monotonic: () => Date.now() };
  const outcome = watchAttempt({ ...watched, clock }, (watchdog) => {
    watchdog.progress({ stage: 'separating', done: 1, total: 2 });
    return running;
  });
  const settled = outcome.catch((error: unknown) => error);
  return { done, attempt, settled, died };
}

test('a hanging worker is first asked where it is and then killed, and the attempt ends as a hang', async () => {
  const { done, settled, died } = begin();
  await vi.advanceTimersByTimeAsync(TIMEOUTS.silentMs - 1);
  expect(done).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(done).toEqual(['dump']);
  await vi.advanceTimersByTimeAsync(TIMEOUTS.dumpMs);
  expect(done).toEqual(['dump', 'kill']);
  expect(await settled).toMatchObject({ name: 'WorkerHung', hang: 'silent', cause: died });
});

test('a worker that ends its attempt before it is killed is left alone, for the next one may be in it', async () => {
  const { done, attempt, settled } = begin();
  await vi.advanceTimersByTimeAsync(TIMEOUTS.silentMs);
  attempt.resolve('the stems');
  expect(await settled).toBe('the stems');
  await vi.advanceTimersByTimeAsync(TIMEOUTS.dumpMs * 10);
  expect(done).toEqual(['dump']);
});

test.each([
  new ChildDied({ exitCode: 1, signal: null }),
  new ChildFailure('OUT_OF_MEMORY', 'Said in words.', null),
])(
  'an attempt that ends by itself ends as it did, with %s, and nobody looks at it any more',
  async (error) => {
    const { done, attempt, settled } = begin();
    await vi.advanceTimersByTimeAsync(5_000);
    attempt.reject(error);
    expect(await settled).toBe(error);
    expect(vi.getTimerCount()).toBe(0);
    expect(done).toEqual([]);
  },
);
