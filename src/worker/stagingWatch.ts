import { ChildDied, StagingHung } from './childErrors.ts';
import type { ChildProcess } from './childProcess.ts';
import type { Hang } from './watchdog.ts';

/** How long a child that stages is let go on. No setting: only tests put other numbers in. */
export interface StagingTimeouts {
  /** A cancelled one that has not let go by then is killed. */
  cancelGraceMs: number;
  /** How often it is looked at. */
  lookEveryMs: number;
  /** Without a heartbeat for so long it hangs: in C, or it is stopped. */
  silentMs: number;
  /** With heartbeats and next to no CPU time for so long it hangs too: on a disk that does not answer. */
  stalledMs: number;
  /** It may always take so long, and as long as the music where that is longer. */
  deadlineMs: number;
}

export const STAGING_TIMEOUTS: StagingTimeouts = {
  cancelGraceMs: 10_000,
  lookEveryMs: 1_000,
  silentMs: 60_000,
  stalledMs: 120_000,
  deadlineMs: 600_000,
};

/** Beats alone take a third of this, decoding from a disk of 40 kB/s more. */
const NEGLIGIBLE_CPU_SHARE = 0.001;

/**
 * Runs the staging of one file on a child, and kills the child when it hangs or does not let go once cancelled.
 *
 * @param watched.audioSeconds how long the music is
 * @param run hands on the CPU seconds that each heartbeat tells
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
  // By looks, not by the clock: while the event loop stood still, heartbeats waited unread.
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
