import type { Clock } from '../../src/clock.ts';

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #ms = 1_800_000_000_000;

  now(): number {
    return this.#ms;
  }

  monotonic(): number {
    return this.#ms;
  }

  advance(ms: number): void {
    this.#ms += ms;
  }
}
