import type { Clock } from '../../clock.ts';

/** The length of the window in milliseconds. */
export const WINDOW_MS = 3_600_000;

/** Whether a request was accepted, and the caller's remaining requests. */
export interface Allowance {
  accepted: boolean;
  remaining: number;
  /** Milliseconds until the oldest request leaves the window and one more is allowed. Above 0. */
  resetInMs: number;
}

/**
 * An exact sliding-window counter: in any hour, at most `limit` requests per caller are accepted. Refused ones do
 * not count. Stores the time of every accepted request of the last hour: at most `limit` numbers per caller and at
 * most `maxCallers` callers. A new caller evicts the least recently seen one.
 */
export class SlidingWindow {
  /** Ordered by when they were last seen. */
  readonly #callers = new Map<string, RequestTimes>();
  readonly #options: { limit: number; maxCallers: number; clock: Pick<Clock, 'monotonic'> };

  constructor(options: { limit: number; maxCallers: number; clock: Pick<Clock, 'monotonic'> }) {
    this.#options = options;
  }

  /** The number of callers being tracked. */
  get size(): number {
    return this.#callers.size;
  }

  /** Counts a request of this caller unless the limit is reached. */
  take(caller: string): Allowance {
    const { limit, clock } = this.#options;
    const now = clock.monotonic();
    const times = this.#callers.get(caller) ?? new RequestTimes(limit);
    times.forgetUntil(now - WINDOW_MS);
    const accepted = times.count < limit;
    if (accepted) times.add(now);
    times.seenAt = now;
    this.#callers.delete(caller);
    this.#callers.set(caller, times);
    this.#forgetCallers(now);
    return { accepted, remaining: limit - times.count, resetInMs: times.oldest + WINDOW_MS - now };
  }

  /**
   * Returns the caller's remaining requests without counting one. `resetInMs` is 0 without requests in the last
   * hour.
   */
  look(caller: string): Omit<Allowance, 'accepted'> {
    const { limit, clock } = this.#options;
    const now = clock.monotonic();
    const times = this.#callers.get(caller);
    times?.forgetUntil(now - WINDOW_MS);
    if (!times || times.count === 0) return { remaining: limit, resetInMs: 0 };
    return { remaining: limit - times.count, resetInMs: times.oldest + WINDOW_MS - now };
  }

  #forgetCallers(now: number): void {
    for (const [caller, times] of this.#callers) {
      if (times.seenAt > now - WINDOW_MS && this.#callers.size <= this.#options.maxCallers) return;
      this.#callers.delete(caller);
    }
  }
}

/** The times of one caller's requests, oldest first: a ring buffer that grows up to `capacity` as needed. */
class RequestTimes {
  seenAt = 0;
  count = 0;
  #start = 0;
  #ring: number[] = [];
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The oldest time; NaN if there is none. */
  get oldest(): number {
    return this.#ring[this.#start] ?? NaN;
  }

  /** Adds the newest time; the ring must not be full. */
  add(time: number): void {
    this.#ring[(this.#start + this.count) % this.#capacity] = time;
    this.count += 1;
  }

  /** Removes all times up to and including this one. */
  forgetUntil(time: number): void {
    while (this.count > 0 && this.oldest <= time) {
      this.#start = (this.#start + 1) % this.#capacity;
      this.count -= 1;
    }
    if (this.count > 0) return;
    this.#ring = [];
    this.#start = 0;
  }
}
