import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import { SlidingWindow } from './slidingWindow.ts';

/** Addresses are anybody's to bring; beyond this many the one not seen for longest is forgotten. */
const MAX_ADDRESSES = 10_000;

/** What a request counts for: the owner of its key, or, without one, the address it comes from. */
export type Caller = { owner: string } | { address: string };

/** The answer to a request that was counted. */
export interface Rating {
  /** Stand on the response, whatever it is. */
  headers: Record<'X-RateLimit-Limit' | 'X-RateLimit-Remaining' | 'X-RateLimit-Reset', string>;
  /** RATE_LIMITED: the request is one too many. */
  refusal: AppError | null;
}

/** Makes the counter of requests: so many of each caller in any hour. */
export function createRateLimit(options: {
  requestsPerHour: number;
  clock: Clock;
}): (caller: Caller) => Rating {
  const { requestsPerHour: limit, clock } = options;
  // Keys are as many as the configuration has; strangers can push none of them out.
  const owners = new SlidingWindow({ limit, clock, maxCallers: Infinity });
  const addresses = new SlidingWindow({ limit, clock, maxCallers: MAX_ADDRESSES });
  return (caller) => {
    const allowance = 'owner' in caller ? owners.take(caller.owner) : addresses.take(caller.address);
    const headers = {
      'X-RateLimit-Limit': String(limit),
      'X-RateLimit-Remaining': String(allowance.remaining),
      'X-RateLimit-Reset': String(Math.ceil((clock.now() + allowance.resetInMs) / 1000)),
    };
    return { headers, refusal: allowance.accepted ? null : tooMany(limit, allowance.resetInMs / 1000) };
  };
}

const tooMany = (limit: number, retryAfterSeconds: number) =>
  new AppError('RATE_LIMITED', `At most ${String(limit)} requests are allowed in an hour.`, {
    hints: { retryAfterSeconds },
  });
