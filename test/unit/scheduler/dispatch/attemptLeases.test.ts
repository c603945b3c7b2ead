import { afterEach, beforeEach, expect, test, vi, type Mock } from 'vitest';
import type { Log } from '../../../../src/log/log.ts';
import { createAttemptLeases, leaseUntil } from '../../../../src/scheduler/dispatch/attemptLeases.ts';
import { runningTask } from '../../../support/newTask.ts';

const clock = { now: () => 1_000_000 };
const [first, second] = [runningTask(), runningTask()];
let warn: Mock<(facts: object, message: string) => void>;

beforeEach(() => {
  vi.useFakeTimers();
  warn = vi.fn();
});
afterEach(() => {
  vi.useRealTimers();
});

/** The leases, and what the queue was asked to renew. */
function leasesOf(renew = vi.fn(async () => undefined)) {
  const leases = createAttemptLeases({ queue: { renew }, clock, log: { warn } as unknown as Log });
  leases.start();
  return { leases, renew };
}

test('those of running attempts are renewed three times before they would end, and no others', () => {
  const { leases, renew } = leasesOf();
  vi.advanceTimersByTime(60_000);
  expect(renew).not.toHaveBeenCalled();
  leases.begin(first);
  leases.begin(second);
  vi.advanceTimersByTime(leaseUntil(clock) - clock.now());
  expect(renew).toHaveBeenCalledTimes(3);
  expect(renew).toHaveBeenLastCalledWith([first, second], leaseUntil(clock));
  leases.end(first);
  vi.advanceTimersByTime(10_000);
  expect(renew).toHaveBeenLastCalledWith([second], leaseUntil(clock));
  leases.stop();
  vi.advanceTimersByTime(60_000);
  expect(renew).toHaveBeenCalledTimes(4);
});

test('a renewal that is refused is told, and the next one is tried', async () => {
  const refused = new Error('SQLITE_FULL');
  const { leases, renew } = leasesOf(vi.fn(() => Promise.reject(refused)));
  leases.begin(first);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(renew).toHaveBeenCalledTimes(2);
  expect(warn.mock.calls).toEqual([1, 2].map(() => [{ err: refused }, expect.any(String)]));
  leases.stop();
});
