import { vi } from 'vitest';

const HOUR_MS = 3_600_000;

/**
 * Takes over the dates of a server in this process and what it does every so often, before it starts. Its workers and
 * whatever is measured go on by the machine's clock. `vi.useRealTimers()` gives them back.
 */
export function ownServerHours(): void {
  vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'], now: Date.now() });
}

/** Lets so many of them pass, at least one, and whatever is done every so often be done in the last of them. */
export function passHours(hours: number): void {
  vi.setSystemTime(Date.now() + (hours - 1) * HOUR_MS);
  vi.advanceTimersByTime(HOUR_MS);
}
