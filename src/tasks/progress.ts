import type { Clock } from '../clock.ts';
import { isSameAttempt, type AttemptId } from './attemptId.ts';

export const progressStages = [
  'queued',
  'loading_model',
  'decoding',
  'separating',
  'encoding',
  'completed',
] as const;
export type ProgressStage = (typeof progressStages)[number];

/** Progress of a task as clients see it. */
export interface Progress {
  /** 0 to 100. */
  percent: number;
  stage: ProgressStage;
  etaSeconds: number | null;
  /** Milliseconds since the epoch. */
  updatedAt: number;
}

/** One progress report of an attempt: its stage and how many forward calls have begun. */
export interface ProgressReport {
  stage: 'loading_model' | 'decoding' | 'separating' | 'encoding';
  done: number;
  total: number;
}

/** The percentage at which each stage begins. */
const STAGE_START = { loading_model: 0, decoding: 1, separating: 2, encoding: 97 } as const;
/** How far the percentage may advance within an unfinished chunk. */
const INTERPOLATION_LIMIT = 0.95;

/** Progress of one attempt; in memory only. */
export class AttemptProgress {
  readonly #clock: Clock;
  readonly #expectedSeconds: number;
  readonly #startedAt: number;
  #report: ProgressReport = { stage: 'loading_model', done: 0, total: 0 };
  #firstTick = { at: 0, done: 0 };
  #lastTickAt = 0;
  #shown: Progress;

  /** @param expectedSeconds estimated duration of the whole attempt */
  constructor(clock: Clock, expectedSeconds: number) {
    this.#clock = clock;
    this.#expectedSeconds = expectedSeconds;
    this.#startedAt = clock.monotonic();
    this.#shown = {
      percent: 0,
      stage: 'loading_model',
      etaSeconds: toEta(expectedSeconds),
      updatedAt: clock.now(),
    };
  }

  get shown(): Progress {
    return this.#shown;
  }

  /** Applies a report of the worker. */
  update(report: ProgressReport): void {
    const now = this.#clock.monotonic();
    if (report.stage === 'separating' && report.done > 0) {
      // A worker may tell several ticks at once: the first report is seldom of the first forward call.
      if (this.#report.stage !== 'separating' || this.#report.done === 0)
        this.#firstTick = { at: now, done: report.done };
      if (report.done !== this.#report.done) this.#lastTickAt = now;
    }
    this.#report = report;
    this.renew();
  }

  /** Updates estimate and time on a heartbeat, also while a chunk takes minutes. */
  renew(): void {
    const now = this.#clock.monotonic();
    const { stage, done, total } = this.#report;
    const chunkSeconds = this.#chunkSeconds();
    const sinceTick = (now - this.#lastTickAt) / 1000;
    const chunksDone =
      done === 0 ? 0 : done - 1 + Math.min(sinceTick / Math.max(chunkSeconds, 0.001), INTERPOLATION_LIMIT);
    const isSeparating = stage === 'separating' && total > 0;
    const percent = isSeparating
      ? STAGE_START.separating +
        (STAGE_START.encoding - STAGE_START.separating) * Math.min(chunksDone / total, 1)
      : STAGE_START[stage];
    const remaining = isSeparating
      ? Math.max(total - chunksDone, 0) * chunkSeconds
      : this.#expectedSeconds - (now - this.#startedAt) / 1000;
    this.#shown = {
      percent: Math.max(this.#shown.percent, Math.round(percent * 10) / 10),
      stage,
      etaSeconds: toEta(stage === 'encoding' ? 1 : remaining),
      updatedAt: this.#clock.now(),
    };
  }

  /** Seconds per forward call: measured from the second report on, estimated before. */
  #chunkSeconds(): number {
    const { done, total } = this.#report;
    const measured = done - this.#firstTick.done;
    if (this.#firstTick.done > 0 && measured > 0)
      return (this.#lastTickAt - this.#firstTick.at) / 1000 / measured;
    return this.#expectedSeconds / Math.max(total, 1);
  }
}

const toEta = (seconds: number) => Math.max(1, Math.round(seconds));

/** Progress of all running attempts, by task. */
export interface ProgressBoard {
  begin(attempt: AttemptId, expectedSeconds: number): AttemptProgress;
  /** Drops an attempt. Call after its outcome is stored: until then the task is `processing`. */
  end(attempt: AttemptId): void;
  find(taskId: string): Progress | undefined;
  /** Estimated seconds until the first running attempt ends; null when none runs. */
  soonestEnd(): number | null;
}

/** Creates the board. */
export function createProgressBoard(clock: Clock): ProgressBoard {
  const running = new Map<string, { attempt: AttemptId; progress: AttemptProgress }>();
  return {
    begin(attempt, expectedSeconds) {
      const progress = new AttemptProgress(clock, expectedSeconds);
      running.set(attempt.taskId, { attempt, progress });
      return progress;
    },
    end(attempt) {
      const current = running.get(attempt.taskId)?.attempt;
      if (current && isSameAttempt(current, attempt)) running.delete(attempt.taskId);
    },
    find: (taskId) => running.get(taskId)?.progress.shown,
    soonestEnd() {
      const etas = [...running.values()].map(({ progress }) => progress.shown.etaSeconds ?? 0);
      return etas.length === 0 ? null : Math.min(...etas);
    },
  };
}
