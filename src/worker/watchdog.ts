import type { Clock } from '../clock.ts';
import type { Timeouts } from './timeouts.ts';
import type { HeartbeatMessage, ProgressMessage } from './protocol.ts';

/** How an attempt hangs: no heartbeat; heartbeats and nothing else; or far longer than it should take. */
export type Hang = 'silent' | 'stalled' | 'overdue';

/** What a look at an attempt finds. */
export type Finding = 'well' | 'suspect' | Hang;

/** An attempt that takes this many times as long as expected is overdue. */
const OVERDUE_FACTOR = 20;
/** A chunk may take this many times as long as the slowest before it, without a sign of work. */
const SLOW_CHUNK_FACTOR = 10;
/** A hanging worker still beats, and some threads of libraries wake up: less of one core than this is no work. */
const NEGLIGIBLE_CPU_SHARE = 0.01;

/**
 * Tells a hanging attempt from a slow one; hears what its worker sends and is asked at regular intervals.
 *
 * Time passes for it by looks: one that comes late counts as one that came in time, for while the event loop of
 * the server stood still, heartbeats waited unread, and no worker is to blame for that.
 *
 * The load of a GPU is not asked for: while torch waits for one it spins as a rule, which is CPU time; and where
 * it sleeps instead, the time that chunks were measured to take says how long that may last.
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
  /** What all chunks together should take, by those that were measured. */
  #measuredMs = 0;
  /** How long nothing was done, and the CPU time at its beginning. */
  #idleMs = 0;
  #idleSinceCpu: number | undefined;

  /** @param expectedSeconds how long the attempt should take, before anything of it was measured */
  constructor(clock: Clock, timeouts: Timeouts, expectedSeconds: number) {
    this.#clock = clock;
    this.#timeouts = timeouts;
    this.#expectedMs = expectedSeconds * 1000;
    this.#lookedAt = clock.monotonic();
  }

  /** Takes in a sign of life. */
  heartbeat({ cpu_seconds: cpu }: Pick<HeartbeatMessage, 'cpu_seconds'>): void {
    this.#silentMs = 0;
    this.#idleSinceCpu ??= cpu;
    if ((cpu - this.#idleSinceCpu) * 1000 < NEGLIGIBLE_CPU_SHARE * this.#stalledAfterMs()) return;
    this.#idleMs = 0;
    this.#idleSinceCpu = cpu;
  }

  /** Takes in a report; one that says nothing new is no sign of work. */
  progress(report: Pick<ProgressMessage, 'stage' | 'done' | 'total'>): void {
    this.#silentMs = 0;
    const before = this.#report;
    this.#report = report;
    if (report.stage === before.stage && report.done === before.done) return;
    this.#idleMs = 0;
    this.#idleSinceCpu = undefined;
    if (report.stage === 'separating' && report.done > 0) this.#tick(report, before.done);
  }

  /** How the attempt is now. To be asked every `lookEveryMs`. */
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
    // The first forward call has only begun; a second one shows how long it took.
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

  /** By what was expected or, where that is more, by the chunks measured: a slow model is not a hang. */
  #overdueAfterMs(): number {
    const shouldTakeMs = Math.max(this.#expectedMs, this.#measuredMs);
    return Math.max(this.#timeouts.deadlineMs, OVERDUE_FACTOR * shouldTakeMs);
  }
}
