import type { Log } from './log.ts';

/** Tells somebody of what is so already: what they throw is logged, if that can be. */
export function tellSafely(log: Pick<Log, 'error'>, tell: () => void): void {
  try {
    tell();
  } catch (error) {
    try {
      log.error({ err: error }, 'something could not be told');
    } catch {
      // A log that throws has nowhere to say so.
    }
  }
}
