import type { Clock } from '../clock.ts';

/** The length of the window. */
export const WINDOW_MS = 3_600_000;

/** What became of a request, and what is left to its caller. */
export interface Allowance {
  accepted: boolean;
  remaining: number;
  /** Until the oldest request leaves the window, and one more is allowed. Above 0. */
  resetInMs: number;
}

/**
 * Counts requests per caller, exactly: of any hour, at most `limit` are accepted. Refused ones do not count.
 * It keeps the time of every accepted request of the last hour, so at most `limit` numbers for each caller,
 * and at most `maxCallers` callers: the one not seen for longest is forgotten for a new one.
 */
export class SlidingWindow {
  /** In the order in which they were last seen. */
  readonly #callers = new Map<string, RequestTimes>();
  readonly #options: { limit: number; maxCallers: number; clock: Pick<Clock, 'monotonic'> };

  constructor(options: { limit: number; maxCallers: number; clock: Pick<Clock, 'monotonic'> }) {
    this.#options = options;
  }

  /** How many callers are kept in mind. */
  get size(): number {
    return this.#callers.size;
  }

  /** Takes a request of this caller into the count, if it fits. */
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

  /** What is left to this caller, without counting anything. `resetInMs` is 0 for one who asked nothing in the hour. */
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

/** The times of one caller's requests, oldest first: a ring that grows to `capacity` as it is needed. */
class RequestTimes {
  seenAt = 0;
  count = 0;
  #start = 0;
  #ring: number[] = [];
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The oldest time; of an empty ring there is none. */
  get oldest(): number {
    return this.#ring[this.#start] ?? NaN;
  }

  /** Adds the newest time; there must be room. */
  add(time: number): void {
    this.#ring[(this.#start + this.count) % this.#capacity] = time;
    this.count += 1;
  }

  /** Forgets every time up to this one. */
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
