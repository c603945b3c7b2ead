import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import { SlidingWindow, type Allowance } from './slidingWindow.ts';

/** Addresses are anybody's to bring; beyond this many the one not seen for longest is forgotten. */
const MAX_ADDRESSES = 10_000;

/** What a request counts for: the owner of its key, or, without one, the address it comes from. */
export type Caller = { owner: string } | { address: string };

/** They stand on every response, whatever it is. */
export type RateHeaders = Record<'X-RateLimit-Limit' | 'X-RateLimit-Remaining' | 'X-RateLimit-Reset', string>;

/** The counter of requests. */
export interface RateLimit {
  /** Counts a request. `refusal`: RATE_LIMITED, it is one too many. */
  take(caller: Caller): { headers: RateHeaders; refusal: AppError | null };
  /** What the caller has left; counts nothing. */
  look(caller: Caller): RateHeaders;
}

/** Makes the counter: so many requests of each caller in any hour. */
export function createRateLimit(options: { requestsPerHour: number; clock: Clock }): RateLimit {
  const { requestsPerHour: limit, clock } = options;
  // Keys are as many as the configuration has; strangers can push none of them out.
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
  new AppError('RATE_LIMITED', `At most ${String(limit)} requests are allowed in an hour.`, {
    hints: { retryAfterSeconds },
  });
