import { ChildDied, StagingHung } from '../process/childErrors.ts';
import type { ChildProcess } from '../process/childProcess.ts';
import type { Hang } from '../health/watchdog.ts';

/** Timeouts for a child that is staging a file. Not configurable; overridden only in tests. */
export interface StagingTimeouts {
  /** A cancelled child that has not stopped after this time is killed. */
  cancelGraceMs: number;
  /** Interval between checks. */
  lookEveryMs: number;
  /** Without a heartbeat for this long, the child hangs (in C code) or is suspended. */
  silentMs: number;
  /** With heartbeats but almost no CPU time for this long, the child hangs on a disk that does not respond. */
  stalledMs: number;
  /** Minimum deadline; the mixture's duration applies if it is longer. */
  deadlineMs: number;
}

export const STAGING_TIMEOUTS: StagingTimeouts = {
  cancelGraceMs: 10_000,
  lookEveryMs: 1_000,
  silentMs: 60_000,
  stalledMs: 120_000,
  deadlineMs: 600_000,
};

/** CPU share that counts as idle. Heartbeats alone use a third of it; decoding from a 40 kB/s disk uses more. */
const NEGLIGIBLE_CPU_SHARE = 0.001;

/**
 * Runs the staging of one file on a child, and kills the child if it hangs or does not stop when cancelled.
 *
 * @param watched.audioSeconds duration of the mixture
 * @param run runs the staging and reports the CPU seconds of each heartbeat
 * @throws {StagingHung} instead of `ChildDied` when the child was killed for hanging
 */
export async function watchStaging<Result>(
  watched: { child: ChildProcess; audioSeconds: number; signal: AbortSignal; timeouts: StagingTimeouts },
  run: (onBeat: (cpuSeconds: number) => void) => Promise<Result>,
): Promise<Result> {
  const { child, signal, timeouts } = watched;
  const deadlineMs = Math.max(timeouts.deadlineMs, watched.audioSeconds * 1000);
  const idleCpu = NEGLIGIBLE_CPU_SHARE * (timeouts.stalledMs / 1000);
  let [elapsedMs, silentMs, idleMs] = [0, 0, 0];
  let idleSinceCpu: number | undefined;
  let hang: Hang | undefined;
  let grace: NodeJS.Timeout | undefined;

  const onBeat = (cpuSeconds: number) => {
    silentMs = 0;
    idleSinceCpu ??= cpuSeconds;
    if (cpuSeconds - idleSinceCpu < idleCpu) return;
    idleMs = 0;
    idleSinceCpu = cpuSeconds;
  };
  // Count checks instead of reading the clock: while the event loop was blocked, heartbeats waited unread.
  const looking = setInterval(() => {
    elapsedMs += timeouts.lookEveryMs;
    silentMs += timeouts.lookEveryMs;
    idleMs += timeouts.lookEveryMs;
    if (silentMs >= timeouts.silentMs) hang = 'silent';
    else if (idleMs >= timeouts.stalledMs) hang = 'stalled';
    else if (elapsedMs >= deadlineMs) hang = 'overdue';
    if (hang !== undefined) end();
  }, timeouts.lookEveryMs);
  const end = () => {
    clearInterval(looking);
    child.kill();
  };
  const startGrace = () => {
    grace = setTimeout(end, timeouts.cancelGraceMs);
  };
  signal.addEventListener('abort', startGrace, { once: true });
  try {
    return await run(onBeat);
  } catch (error) {
    throw hang !== undefined && error instanceof ChildDied ? new StagingHung(hang, error) : error;
  } finally {
    clearInterval(looking);
    clearTimeout(grace);
    signal.removeEventListener('abort', startGrace);
  }
}
