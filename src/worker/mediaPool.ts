import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log.ts';
import { restartDelayMs } from './backoff.ts';
import { ChildDied, ChildFailure, MediaBusy, StagingHung } from './childErrors.ts';
import { ChildProcess, type ChildCommand } from './childProcess.ts';
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
} from './protocol.ts';
import { STAGING_TIMEOUTS, watchStaging, type StagingTimeouts } from './stagingWatch.ts';

type Work = 'probe' | 'stage';
/** A long file takes minutes to stage: however many are, there are children to probe with. */
const STAGES_AT_ONCE = 2;
/** A host with more cores than this looks into no more files at once. */
const MOST_PROBES_OF_ONE = 32;
/** All staging is the server's own: the scheduler has put the tasks in order. */
const SCHEDULER = '';
const HELLO_TIMEOUT_MS = 30_000;
/** A file that kills the child that reads it is tried this often. */
const TRIES = 2;

/** How long somebody who uploads is let wait. No setting: only tests put other numbers in. */
export interface MediaTimeouts extends StagingTimeouts {
  /** For a child that is free. */
  freeMs: number;
  /** For its answer. The child itself ends what costs it too much work (`python_worker/media/limits.py`); this is for a machine that does not let it work. */
  probeMs: number;
  /** For a child to end when the server stops; a busy one hears of it only after its file. */
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

/** The children that look into audio files, so that a hostile one costs them and not the server. */
export interface MediaPool {
  start(): void;
  /** Whether any child lives: without one no upload can be looked into. */
  isAlive(): boolean;
  /**
   * What a stored file holds. As many files are looked into at once as there are cores; beyond them owners take turns.
   *
   * @param owner whose file it is
   * @throws {ChildFailure} UNSUPPORTED_FORMAT or INVALID_AUDIO, with a sentence for the client
   * @throws {MediaBusy} when no child came to it
   */
  probe(path: string, owner: string): Promise<Probed>;
  /**
   * Decodes what MSST cannot into a float WAV.
   *
   * @param signal ends the wait at once, whatever the child does; one that does not let go is killed
   * @throws {ChildFailure} as above, or CANCELLED
   * @throws {StagingHung} when the child was killed for getting nowhere
   */
  stage(params: StageParams, signal: AbortSignal): Promise<StageResult>;
  stop(): Promise<void>;
}

/**
 * Builds the pool: one media child, and more as soon as several files are to be read at once.
 *
 * @param cores how many files of one owner are looked into at once
 */
export function createMediaPool(
  command: ChildCommand,
  log: Log,
  timeouts = MEDIA_TIMEOUTS,
  cores = availableParallelism(),
): MediaPool {
  const stopping = new AbortController();
  const alive = new Set<ChildProcess>();
  // A function, because the compiler believes a property that it has just seen false.
  const isStopping = () => stopping.signal.aborted;
  const loops: Promise<void>[] = [];
  /** Who hears the heartbeats of a child that stages. */
  const onBeat = new Map<ChildProcess, (cpuSeconds: number) => void>();
  /** Children that can be lent soon. */
  let starting = 0;
  const each = Math.min(cores, MOST_PROBES_OF_ONE);
  // One more than an owner may have: whatever it sends, another's file is looked into at once.
  const shares = {
    probe: { atOnce: each + 1, each },
    stage: { atOnce: STAGES_AT_ONCE, each: STAGES_AT_ONCE },
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
          log[level]({ pid: child.pid, line: message }, 'message of a media child');
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

  /** Lends a child to `use`; a child that dies of it is replaced, and the work is tried once more. */
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
      // One that lives beside it may die with it, of something else: only a younger one proves anything.
      const elders = new Set(alive);
      accepts = (candidate) => !elders.has(candidate);
      try {
        const result = await use(acquired.item);
        acquired.end('returned');
        return result;
      } catch (error) {
        acquired.end(error instanceof ChildDied || error instanceof StagingHung ? 'gone' : 'returned');
        if (!(error instanceof ChildDied)) throw error;
        // Killed for not letting go.
        if (work === 'stage' && wait.signal.aborted) throw wait.failure(error);
        if (work === 'probe' && error.tookTooLong) throw new MediaBusy(error);
        if (tries < TRIES) continue;
        log.warn({ err: error }, 'a file killed the media child that read it, twice');
        throw new ChildFailure(
          'INVALID_AUDIO',
          'The file cannot be read: its content defeats the decoder.',
          null,
        );
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

/** The end of the work, or its cancellation as soon as it is asked for; the work then ends unheard. */
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
