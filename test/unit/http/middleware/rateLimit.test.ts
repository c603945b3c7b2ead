import { expect, test } from 'vitest';
import { createRateLimit } from '../../../../src/http/middleware/rateLimit.ts';
import { SlidingWindow, WINDOW_MS } from '../../../../src/http/middleware/slidingWindow.ts';
import { ManualClock } from '../../../support/manualClock.ts';

const epochSeconds = (clock: ManualClock, offsetMs: number) => String((clock.now() + offsetMs) / 1000);

test('every answer says the limit, what is left, and when the oldest request leaves the hour', () => {
  const clock = new ManualClock();
  const rate = createRateLimit({ requestsPerHour: 2, clock });
  const reset = epochSeconds(clock, WINDOW_MS);
  const headers = (remaining: string) => ({
    'X-RateLimit-Limit': '2',
    'X-RateLimit-Remaining': remaining,
    'X-RateLimit-Reset': reset,
  });
  expect(rate.take({ owner: 'ann' })).toEqual({ headers: headers('1'), refusal: null });
  clock.advance(1_000);
  expect(rate.take({ owner: 'ann' })).toEqual({ headers: headers('0'), refusal: null });
  clock.advance(1_500);
  const refused = rate.take({ owner: 'ann' });
  expect(refused.headers).toEqual(headers('0'));
  expect(refused.refusal).toMatchObject({
    code: 'RATE_LIMITED',
    hints: { retryAfterSeconds: WINDOW_MS / 1000 - 2.5 },
  });
});

test('who waits as long as he is told is served, and not a moment before', () => {
  const clock = new ManualClock();
  const rate = createRateLimit({ requestsPerHour: 1, clock });
  rate.take({ owner: 'ann' });
  clock.advance(WINDOW_MS - 1);
  expect(rate.take({ owner: 'ann' }).refusal?.hints.retryAfterSeconds).toBe(0.001);
  clock.advance(1);
  expect(rate.take({ owner: 'ann' }).refusal).toBeNull();
});

test('each key and each address has an hour of its own, also of the same words', () => {
  const rate = createRateLimit({ requestsPerHour: 1, clock: new ManualClock() });
  for (const caller of [{ owner: 'ann' }, { owner: 'ben' }, { address: 'ann' }, { address: '10.0.0.1' }]) {
    expect(rate.take(caller).refusal).toBeNull();
    expect(rate.take(caller).refusal?.code).toBe('RATE_LIMITED');
  }
});

test('strangers, however many, push no key out', () => {
  const rate = createRateLimit({ requestsPerHour: 1, clock: new ManualClock() });
  rate.take({ owner: 'ann' });
  for (let n = 0; n < 20_000; n += 1) rate.take({ address: String(n) });
  expect(rate.take({ owner: 'ann' }).refusal?.code).toBe('RATE_LIMITED');
});

test('a caller not seen for an hour is forgotten, one that is only refused is not', () => {
  const clock = new ManualClock();
  const window = new SlidingWindow({ limit: 1, maxCallers: 100, clock });
  window.take('gone');
  window.take('stubborn');
  clock.advance(WINDOW_MS - 1);
  expect(window.take('stubborn').accepted).toBe(false);
  expect(window.size).toBe(2);
  clock.advance(1);
  window.take('new');
  expect(window.size).toBe(2);
});

test('of too many callers, the one not seen for longest is forgotten', () => {
  const window = new SlidingWindow({ limit: 1, maxCallers: 2, clock: new ManualClock() });
  for (const caller of ['a', 'b', 'a', 'c']) window.take(caller);
  expect(window.size).toBe(2);
  expect(window.take('a').accepted).toBe(false);
  expect(window.take('b').accepted).toBe(true);
});

test('what is left can be looked at, which counts for nothing, also for one who never asked', () => {
  const clock = new ManualClock();
  const rate = createRateLimit({ requestsPerHour: 2, clock });
  const looked = (remaining: string, resetInMs: number) => ({
    'X-RateLimit-Limit': '2',
    'X-RateLimit-Remaining': remaining,
    'X-RateLimit-Reset': epochSeconds(clock, resetInMs),
  });
  for (const caller of [{ owner: 'ann' }, { address: '10.0.0.1' }]) {
    for (let n = 0; n < 3; n += 1) expect(rate.look(caller)).toEqual(looked('2', 0));
    rate.take(caller);
    for (let n = 0; n < 3; n += 1) expect(rate.look(caller)).toEqual(looked('1', WINDOW_MS));
  }
  clock.advance(WINDOW_MS);
  expect(rate.look({ owner: 'ann' })).toEqual(looked('2', 0));
});
