import type { Clock } from '../../clock.ts';
import type { Timeouts } from './timeouts.ts';
import type { HeartbeatMessage, ProgressMessage } from '../../contract/protocol.ts';

/** How an attempt hangs: no heartbeat; heartbeats without progress; or far beyond its expected duration. */
export type Hang = 'silent' | 'stalled' | 'overdue';

/** The result of a check. */
export type Finding = 'well' | 'suspect' | Hang;

/** An attempt that takes this many times as long as expected is overdue. */
const OVERDUE_FACTOR = 20;
/** A chunk may take this many times as long as the slowest one before it without a sign of work. */
const SLOW_CHUNK_FACTOR = 10;
/** CPU share of one core below which a worker counts as idle: heartbeats and library threads use a little. */
const NEGLIGIBLE_CPU_SHARE = 0.01;

/**
 * Distinguishes a hanging attempt from a slow one. Receives the worker's messages and is checked at regular
 * intervals.
 *
 * Time is counted in checks: a late check counts as at most one interval, because while the server's event loop
 * was blocked, heartbeats waited unread through no fault of the worker.
 *
 * GPU load is not queried: while torch waits for a GPU it usually spins, which uses CPU time; where it sleeps
 * instead, the measured chunk times limit how long that may last.
 */
export class Watchdog {
  readonly #clock: Clock;
  readonly #timeouts: Timeouts;
  readonly #expectedMs: number;
  #lookedAt: number;
  #elapsedMs = 0;
  #silentMs = 0;
  #report: Pick<ProgressMessage, 'stage' | 'done' | 'total'> = { stage: 'loading_model', done: 0, total: 0 };
  #firstTick: { at: number; done: number } | undefined;
  #lastTickAt = 0;
  #slowestChunkMs = 0;
  /** Estimated duration of all chunks together, from those measured. */
  #measuredMs = 0;
  /** How long the attempt has been idle; `#idleSinceCpu` is the CPU time when that began. */
  #idleMs = 0;
  #idleSinceCpu: number | undefined;

  /** @param expectedSeconds expected duration of the attempt, before anything was measured */
  constructor(clock: Clock, timeouts: Timeouts, expectedSeconds: number) {
    this.#clock = clock;
    this.#timeouts = timeouts;
    this.#expectedMs = expectedSeconds * 1000;
    this.#lookedAt = clock.monotonic();
  }

  /** Records a heartbeat. */
  heartbeat({ cpu_seconds: cpu }: Pick<HeartbeatMessage, 'cpu_seconds'>): void {
    this.#silentMs = 0;
    this.#idleSinceCpu ??= cpu;
    if ((cpu - this.#idleSinceCpu) * 1000 < NEGLIGIBLE_CPU_SHARE * this.#stalledAfterMs()) return;
    this.#idleMs = 0;
    this.#idleSinceCpu = cpu;
  }

  /** Records a progress report. A report without news is not a sign of work. */
  progress(report: Pick<ProgressMessage, 'stage' | 'done' | 'total'>): void {
    this.#silentMs = 0;
    const before = this.#report;
    this.#report = report;
    if (report.stage === before.stage && report.done === before.done) return;
    this.#idleMs = 0;
    this.#idleSinceCpu = undefined;
    if (report.stage === 'separating' && report.done > 0) this.#tick(report, before.done);
  }

  /** Checks the attempt. Call every `lookEveryMs`. */
  look(): Finding {
    const now = this.#clock.monotonic();
    const passed = Math.min(now - this.#lookedAt, this.#timeouts.lookEveryMs);
    this.#lookedAt = now;
    this.#elapsedMs += passed;
    this.#silentMs += passed;
    this.#idleMs += passed;
    if (this.#elapsedMs >= this.#overdueAfterMs()) return 'overdue';
    if (this.#silentMs >= this.#silentAfterMs()) return 'silent';
    if (this.#slowestChunkMs > 0 && this.#idleMs >= this.#stalledAfterMs()) return 'stalled';
    return this.#silentMs >= this.#timeouts.suspectMs ? 'suspect' : 'well';
  }

  #tick({ done, total }: { done: number; total: number }, before: number): void {
    const at = this.#elapsedMs;
    this.#firstTick ??= { at, done };
    // A report marks the start of a forward call; only the next one shows how long it took.
    const ended = done - this.#firstTick.done;
    if (ended > 0) {
      const chunkMs = (at - this.#lastTickAt) / Math.max(done - before, 1);
      this.#slowestChunkMs = Math.max(this.#slowestChunkMs, chunkMs, 1);
      this.#measuredMs = ((at - this.#firstTick.at) / ended) * total;
    }
    this.#lastTickAt = at;
  }

  #silentAfterMs(): number {
    return this.#report.stage === 'loading_model' ? this.#timeouts.loadingSilentMs : this.#timeouts.silentMs;
  }

  #stalledAfterMs(): number {
    return Math.max(this.#timeouts.stalledMs, SLOW_CHUNK_FACTOR * this.#slowestChunkMs);
  }

  /** Based on the expected duration or, if longer, the measured chunks: a slow model is not a hang. */
  #overdueAfterMs(): number {
    const shouldTakeMs = Math.max(this.#expectedMs, this.#measuredMs);
    return Math.max(this.#timeouts.deadlineMs, OVERDUE_FACTOR * shouldTakeMs);
  }
}
