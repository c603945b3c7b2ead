import type { Clock } from '../../clock.ts';
import type { Log } from '../../log/log.ts';
import type { TaskQueue } from '../../queue/taskQueue.ts';
import type { AttemptId } from '../../tasks/attemptId.ts';

/** An attempt whose lease is not renewed for this long counts as lost (milliseconds). */
const LEASE_MS = 30_000;
const RENEW_EVERY_MS = 10_000;

/** The expiry of a lease taken or renewed now, in milliseconds since the epoch. */
export const leaseUntil = (clock: Pick<Clock, 'now'>): number => clock.now() + LEASE_MS;

/** Renews the leases of all attempts running in this process. */
export interface AttemptLeases {
  begin(attempt: AttemptId): void;
  end(attempt: AttemptId): void;
  start(): void;
  stop(): void;
}

/** Builds it. */
export function createAttemptLeases(parts: {
  queue: Pick<TaskQueue, 'renew'>;
  clock: Pick<Clock, 'now'>;
  log: Pick<Log, 'warn'>;
}): AttemptLeases {
  const { queue, clock, log } = parts;
  const running = new Set<AttemptId>();
  let timer: NodeJS.Timeout | undefined;
  const renew = () => {
    if (running.size === 0) return;
    queue.renew([...running], leaseUntil(clock)).catch((error: unknown) => {
      // The next renewal usually succeeds, and no other process competes for the queue.
      log.warn({ err: error }, 'the leases of running attempts could not be renewed');
    });
  };
  return {
    begin: (attempt) => void running.add(attempt),
    end: (attempt) => void running.delete(attempt),
    start() {
      timer = setInterval(renew, RENEW_EVERY_MS);
    },
    stop() {
      clearInterval(timer);
    },
  };
}
