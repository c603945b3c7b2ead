import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SlidingWindow, WINDOW_MS } from '../../src/http/middleware/slidingWindow.ts';
import { ManualClock } from '../support/manualClock.ts';

const MINUTE = 60_000;
const step = fc.record({
  caller: fc.constantFrom('ann', 'ben', 'cy'),
  // Often none, often just around the hour, else anything up to half an hour.
  waitMs: fc.oneof(
    fc.constantFrom(0, 1, WINDOW_MS - 1, WINDOW_MS, WINDOW_MS + 1),
    fc.integer({ min: 0, max: 30 * MINUTE }),
    fc.integer({ min: 0, max: MINUTE }),
  ),
});

test('in any hour no caller has more accepted than the limit, and none is refused who had fewer', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 80 }), (limit, steps) => {
      const clock = new ManualClock();
      const window = new SlidingWindow({ limit, maxCallers: 3, clock });
      const accepted = new Map<string, number[]>();
      for (const { caller, waitMs } of steps) {
        clock.advance(waitMs);
        const now = clock.monotonic();
        const all = accepted.get(caller) ?? [];
        const ofLastHour = all.filter((time) => time > now - WINDOW_MS);
        const allowance = window.take(caller);

        expect(allowance.accepted).toBe(ofLastHour.length < limit);
        if (allowance.accepted) ofLastHour.push(now);
        accepted.set(caller, ofLastHour);
        expect(allowance.remaining).toBe(limit - ofLastHour.length);
        expect(allowance.resetInMs).toBe((ofLastHour[0] ?? NaN) + WINDOW_MS - now);
        expect(allowance.resetInMs).toBeGreaterThan(0);
      }
    }),
  );
});
