import type { Clock } from '../clock.ts';
import type { ProgressReport } from './progress.ts';

type Stage = ProgressReport['stage'];

/** Seconds of each stage that was entered. */
export type StageSeconds = Partial<Record<Stage, number>>;

/** How long an attempt has been in each of its stages, as far as it came. */
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
    this.#settle();
    this.#stage = stage;
  }

  /** @returns seconds since the start, and of each stage that was entered; these add up to it */
  read(): { processingSeconds: number; stageSeconds: StageSeconds } {
    this.#settle();
    const stages = [...this.#milliseconds].map(([stage, time]) => [stage, time / 1000]);
    return {
      processingSeconds: (this.#since - this.#startedAt) / 1000,
      stageSeconds: Object.fromEntries(stages) as StageSeconds,
    };
  }

  #settle(): void {
    const now = this.#clock.monotonic();
    this.#milliseconds.set(this.#stage, (this.#milliseconds.get(this.#stage) ?? 0) + now - this.#since);
    this.#since = now;
  }
}
