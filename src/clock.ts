/** The source of time, replaceable in tests. */
export interface Clock {
  /** Wall-clock time in milliseconds since the epoch; for values that are displayed or stored. */
  now(): number;
  /** Monotonic milliseconds; for measuring durations. */
  monotonic(): number;
}

/** The system clocks. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
