import type { Clock } from '../clock.ts';
import type { ProgressReport } from './progress.ts';

type Stage = ProgressReport['stage'];

/** Seconds spent in each stage entered so far. */
export type StageSeconds = Partial<Record<Stage, number>>;

/** Measures how long an attempt spends in each stage. */
export class StageClock {
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #milliseconds = new Map<Stage, number>();
  #stage: Stage = 'loading_model';
  #since: number;

  /** Starts in the first stage. */
  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedAt = this.#since = clock.monotonic();
  }

  enter(stage: Stage): void {
    if (stage === this.#stage) return;
    this.#countElapsed();
    this.#stage = stage;
  }

  /** @returns total seconds since the start, and the seconds of each stage, which add up to the total */
  read(): { processingSeconds: number; stageSeconds: StageSeconds } {
    this.#countElapsed();
    const stages = [...this.#milliseconds].map(([stage, time]) => [stage, time / 1000]);
    return {
      processingSeconds: (this.#since - this.#startedAt) / 1000,
      stageSeconds: Object.fromEntries(stages) as StageSeconds,
    };
  }

  #countElapsed(): void {
    const now = this.#clock.monotonic();
    this.#milliseconds.set(this.#stage, (this.#milliseconds.get(this.#stage) ?? 0) + now - this.#since);
    this.#since = now;
  }
}
