import type { Clock } from '../../clock.ts';
import { restartDelayMs } from './backoff.ts';

/** Deaths within the window that open the circuit. */
const DEATHS = 5;
const WINDOW_MS = 300_000;
/** A process that lived this long was healthy: its death starts a new count. */
const WELL_AFTER_MS = 300_000;

/** A circuit breaker for one process slot: decides how long to wait before the process is restarted. */
export interface Circuit {
  /** Records that the process died after living for `livedMs`. */
  died(livedMs: number): void;
  /** Records that the process worked; resets all counts. */
  worked(): void;
  /** The delay before the next start, in milliseconds. */
  delayMs(): number;
  /** Whether the slot is in quarantine: only occasional trial starts, until a process works or lives long. */
  readonly isOpen: boolean;
}

/**
 * Creates a circuit breaker. Consecutive deaths cause growing delays. After `most` deaths within five minutes the
 * slot is quarantined: a process is tried every `quarantineMs`, and a successful try ends the quarantine without
 * an administrator's help.
 */
export function createCircuit(
  clock: Clock,
  quarantineMs: number,
  random: () => number = Math.random,
  most = DEATHS,
): Circuit {
  let inRow = 0;
  let deaths: number[] = [];
  let isOpen = false;
  const close = () => {
    inRow = 0;
    deaths = [];
    isOpen = false;
  };
  return {
    died(livedMs) {
      if (livedMs > WELL_AFTER_MS) close();
      const now = clock.monotonic();
      inRow += 1;
      deaths = [...deaths.filter((at) => at > now - WINDOW_MS), now];
      isOpen ||= deaths.length >= most;
    },
    worked: close,
    delayMs: () => (isOpen ? quarantineMs : restartDelayMs(inRow, random)),
    get isOpen() {
      return isOpen;
    },
  };
}
