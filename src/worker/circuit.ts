import type { Clock } from '../clock.ts';
import { restartDelayMs } from './backoff.ts';

/** So many deaths in so short a time are no accident. */
const DEATHS = 5;
const WINDOW_MS = 300_000;
/** A worker that lived this long was well: its death is not the next of a row. */
const WELL_AFTER_MS = 300_000;

/** Decides when the process in a place is started again: the sooner, the better the ones before it did. */
export interface Circuit {
  /** The process ended after so long a life. */
  died(livedMs: number): void;
  /** It did its part: whatever was before it counts no more. */
  worked(): void;
  /** How long to wait before the next start. */
  delayMs(): number;
  /** Whether the place is left alone but for a try now and then, until a process in it does its part or lives long. */
  readonly isOpen: boolean;
}

/**
 * Builds one. Deaths in a row are answered with growing delays. After `most` within five minutes the place is
 * quarantined: a process is tried after `quarantineMs`, and each that dies too has as long a pause after it. A
 * try that does well ends the quarantine, so nobody has to.
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
