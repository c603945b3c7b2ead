/** The seam through which time comes in, so that tests can own it. */
export interface Clock {
  /** Wall time in milliseconds since the epoch: for what is shown and stored. */
  now(): number;
  /** Milliseconds that never jump: for measuring. */
  monotonic(): number;
}

/** The machine's own clocks. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
