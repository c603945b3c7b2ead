import type { Log } from './log.ts';

/** Calls a listener about something that has already happened; an exception is logged, if possible. */
export function tellSafely(log: Pick<Log, 'error'>, tell: () => void): void {
  try {
    tell();
  } catch (error) {
    try {
      log.error({ err: error }, 'a log line or a notification failed');
    } catch {
      // If logging fails too, there is nowhere to report it.
    }
  }
}
