import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../log/log.ts';
import { restartDelayMs } from '../health/backoff.ts';
import { ChildDied, ChildFailure, MediaBusy, StagingHung } from '../process/childErrors.ts';
import { ChildProcess, type ChildCommand } from '../process/childProcess.ts';
import { createResourcePool } from './resourcePool.ts';
import {
  heartbeatSchema,
  logSchema,
  mediaReadySchema,
  probeResultSchema,
  PROTOCOL_VERSION,
  stageResultSchema,
  type InitializeParams,
  type ProbeResult,
  type StageParams,
  type StageResult,
} from '../../contract/protocol.ts';
import { STAGING_TIMEOUTS, watchStaging, type StagingTimeouts } from './stagingWatch.ts';

type Work = 'probe' | 'stage';
/** Memory that a media child may take, in bytes (`python_worker/media/limits.py`): no more of them stage at once than fit. */
const STAGING_BYTES = 2 * 1024 ** 3;
/** Upper bound on probes at once, however many cores there are. */
const MOST_PROBES_OF_ONE = 32;
/** Staging has a single owner: the scheduler already decides the order. */
const SCHEDULER = '';
const HELLO_TIMEOUT_MS = 30_000;
/** How often a file is tried that kills the child reading it. */
const TRIES = 2;

/** Timeouts of probing. Not configurable; only tests change them. */
export interface MediaTimeouts extends StagingTimeouts {
  /** Waiting for a free child. */
  freeMs: number;
  /** Waiting for the answer. The child limits its own work (`python_worker/media/limits.py`); this covers a machine too busy to run it. */
  probeMs: number;
  /** Waiting for a child to exit at shutdown; a busy one reads the request only after its file. */
  stopMs: number;
}

export const MEDIA_TIMEOUTS: MediaTimeouts = {
  ...STAGING_TIMEOUTS,
  freeMs: 60_000,
  probeMs: 60_000,
  stopMs: 5_000,
};

/** What a file holds. */
export interface Probed extends ProbeResult {
  /** How long it waited for its turn. */
  waitedMs: number;
}

/** The child processes that read audio files, so that a hostile file cannot take down the server. */
export interface MediaPool {
  start(): void;
  /** Whether any child is running; without one no upload can be probed. */
  isAlive(): boolean;
  /**
   * Probes a stored file. One file per core at a time; beyond that, owners take turns.
   *
   * @param owner whose file it is
   * @throws {ChildFailure} UNSUPPORTED_FORMAT or INVALID_AUDIO, with a sentence for the client
   * @throws {MediaBusy} when no child became free in time
   */
  probe(path: string, owner: string): Promise<Probed>;
  /**
   * Decodes a file that MSST cannot read into a float WAV.
   *
   * @param signal cancels at once; a child that does not stop is killed
   * @throws {ChildFailure} as above, or CANCELLED
   * @throws {StagingHung} when the child made no progress and was killed
   */
  stage(params: StageParams, signal: AbortSignal): Promise<StageResult>;
  stop(): Promise<void>;
}

/**
 * Creates the pool: one media child at first, more when several files are to be read at once.
 *
 * @param host.cores how many files of one owner are probed at once, and the most that are staged at once
 * @param host.memoryBytes the memory that staging may take, in bytes
 */
export function createMediaPool(
  command: ChildCommand,
  log: Log,
  { cores = availableParallelism(), memoryBytes }: { cores?: number; memoryBytes: number },
  timeouts = MEDIA_TIMEOUTS,
): MediaPool {
  const stopping = new AbortController();
  const alive = new Set<ChildProcess>();
  // A function: TypeScript would narrow a property it has just checked.
  const isStopping = () => stopping.signal.aborted;
  const loops: Promise<void>[] = [];
  /** Listeners for the heartbeats of staging children. */
  const onBeat = new Map<ChildProcess, (cpuSeconds: number) => void>();
  /** Children that are starting. */
  let starting = 0;
  const each = Math.min(cores, MOST_PROBES_OF_ONE);
  const stagesAtOnce = Math.max(1, Math.min(cores, Math.floor(memoryBytes / STAGING_BYTES)));
  // One more than a single owner may use, so that another owner's file never waits behind them.
  const shares = {
    probe: { atOnce: each + 1, each },
    // Staging a long file takes minutes, so it has children of its own.
    stage: { atOnce: stagesAtOnce, each: stagesAtOnce },
  };
  const mostChildren = shares.probe.atOnce + shares.stage.atOnce;
  const children = createResourcePool<ChildProcess, Work>(shares, (missing) => {
    for (let more = missing - starting; more > 0 && loops.length < mostChildren; more -= 1) {
      loops.push(keepAlive());
    }
  });

  const keepAlive = async (): Promise<void> => {
    for (let failures = 0; !isStopping(); failures += 1) {
      const delayMs = restartDelayMs(failures);
      if (delayMs > 0) await sleep(delayMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (isStopping()) return;
      const child = ChildProcess.start(command, log);
      alive.add(child);
      starting += 1;
      try {
        child.onNotification('heartbeat', heartbeatSchema, ({ cpu_seconds: cpu }) =>
          onBeat.get(child)?.(cpu),
        );
        child.onNotification('log', logSchema, ({ level, message }) => {
          log[level]({ pid: child.pid, line: message }, 'media child message');
        });
        const params = { role: 'media', protocol_version: PROTOCOL_VERSION } satisfies InitializeParams;
        await child.request('initialize', params, mediaReadySchema, { timeoutMs: HELLO_TIMEOUT_MS });
        failures = 0;
        starting -= 1;
        children.offer(child);
      } catch (error) {
        starting -= 1;
        log.error({ err: error }, 'a media child could not start');
        child.kill();
      }
      await child.exited;
      alive.delete(child);
      children.withdraw(child);
    }
  };

  /** Runs `use` on a child; a child that dies is replaced and the work is retried once. */
  const withChild = async <T>(
    work: Work,
    wait: { owner: string; signal: AbortSignal; failure: (cause: unknown) => Error },
    use: (child: ChildProcess) => Promise<T>,
  ): Promise<T> => {
    const { owner } = wait;
    const signal = AbortSignal.any([wait.signal, stopping.signal]);
    let accepts = (_: ChildProcess) => true;
    for (let tries = 1; ; tries += 1) {
      const acquired = await children.acquire(work, { owner, accepts, signal }).catch((error: unknown) => {
        throw wait.failure(error);
      });
      // An older child may have died of something else at the same time; only a fresh one proves that the file is the cause.
      const elders = new Set(alive);
      accepts = (candidate) => !elders.has(candidate);
      try {
        const result = await use(acquired.item);
        acquired.end('returned');
        return result;
      } catch (error) {
        acquired.end(error instanceof ChildDied || error instanceof StagingHung ? 'gone' : 'returned');
        if (!(error instanceof ChildDied)) throw error;
        // It ignored the cancel and was killed.
        if (work === 'stage' && wait.signal.aborted) throw wait.failure(error);
        if (work === 'probe' && error.tookTooLong) throw new MediaBusy(error);
        if (tries < TRIES) continue;
        log.warn({ err: error }, 'a file crashed two media children');
        throw new ChildFailure('INVALID_AUDIO', 'The file cannot be read: it crashes the decoder.', null);
      }
    }
  };

  return {
    start() {
      loops.push(keepAlive());
    },
    isAlive: () => alive.size > 0,
    async probe(path, owner) {
      const askedAt = performance.now();
      let begunAt = askedAt;
      const wait = {
        owner,
        signal: AbortSignal.timeout(timeouts.freeMs),
        failure: (cause: unknown) => new MediaBusy(cause),
      };
      const found = await withChild('probe', wait, (child) => {
        begunAt = performance.now();
        return child.request('probe', { path }, probeResultSchema, { timeoutMs: timeouts.probeMs });
      });
      return { ...found, waitedMs: begunAt - askedAt };
    },
    async stage(params, signal) {
      const audioSeconds = params.duration_seconds;
      const cancelled = () => new ChildFailure('CANCELLED', 'The request was cancelled.', null);
      const wait = { owner: SCHEDULER, signal, failure: cancelled };
      const staging = withChild('stage', wait, (child) =>
        watchStaging({ child, audioSeconds, signal, timeouts }, (hear) => {
          onBeat.set(child, hear);
          return child
            .request('stage', params, stageResultSchema, { signal })
            .finally(() => onBeat.delete(child));
        }),
      );
      return endAtOnce(staging, signal, cancelled);
    },
    async stop() {
      stopping.abort();
      const living = [...alive];
      const timer = setTimeout(() => {
        for (const child of living) child.kill();
      }, timeouts.stopMs);
      await Promise.all(living.map((child) => child.shutdown().finally(() => child.kill())));
      clearTimeout(timer);
      await Promise.all(loops);
    },
  };
}

/** Settles with the work, or rejects as soon as it is cancelled; the work's own outcome is then ignored. */
function endAtOnce<T>(work: Promise<T>, signal: AbortSignal, cancelled: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = () => {
      reject(cancelled());
    };
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel, { once: true });
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', cancel);
    });
  });
}
