import type { Clock } from '../../clock.ts';
import { AppError } from '../../errors.ts';
import { SlidingWindow, type Allowance } from './slidingWindow.ts';

/** Clients may use any number of addresses; beyond this many the least recently seen one is forgotten. */
const MAX_ADDRESSES = 10_000;

/** What a request counts against: the owner of its key or, without a key, its client address. */
export type Caller = { owner: string } | { address: string };

/** The rate-limit headers, which every response has. */
export type RateHeaders = Record<'X-RateLimit-Limit' | 'X-RateLimit-Remaining' | 'X-RateLimit-Reset', string>;

/** Counts requests per caller and refuses those over the limit. */
export interface RateLimit {
  /** Counts a request. `refusal`: RATE_LIMITED if it exceeds the limit, else null. */
  take(caller: Caller): { headers: RateHeaders; refusal: AppError | null };
  /** Returns the caller's remaining requests without counting one. */
  look(caller: Caller): RateHeaders;
}

/** Creates the rate limit: `requestsPerHour` requests of each caller in any hour. */
export function createRateLimit(options: { requestsPerHour: number; clock: Clock }): RateLimit {
  const { requestsPerHour: limit, clock } = options;
  // The configuration bounds the number of keys, and separate windows keep unknown addresses from evicting them.
  const owners = new SlidingWindow({ limit, clock, maxCallers: Infinity });
  const addresses = new SlidingWindow({ limit, clock, maxCallers: MAX_ADDRESSES });
  const headersOf = ({ remaining, resetInMs }: Omit<Allowance, 'accepted'>): RateHeaders => ({
    'X-RateLimit-Limit': String(limit),
    'X-RateLimit-Remaining': String(remaining),
    'X-RateLimit-Reset': String(Math.ceil((clock.now() + resetInMs) / 1000)),
  });
  return {
    take(caller) {
      const allowance = 'owner' in caller ? owners.take(caller.owner) : addresses.take(caller.address);
      const refusal = allowance.accepted ? null : tooMany(limit, allowance.resetInMs / 1000);
      return { headers: headersOf(allowance), refusal };
    },
    look: (caller) =>
      headersOf('owner' in caller ? owners.look(caller.owner) : addresses.look(caller.address)),
  };
}

const tooMany = (limit: number, retryAfterSeconds: number) =>
  new AppError('RATE_LIMITED', `At most ${String(limit)} requests per hour are allowed.`, {
    hints: { retryAfterSeconds },
  });
