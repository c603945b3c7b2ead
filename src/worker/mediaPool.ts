import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log.ts';
import { restartDelayMs } from './backoff.ts';
import { ChildDied, ChildFailure } from './childErrors.ts';
import { ChildProcess, type ChildCommand } from './childProcess.ts';
import {
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

/** The second is started when the first is busy. */
const MAX_CHILDREN = 2;
const HELLO_TIMEOUT_MS = 30_000;
/** No file needs longer: a probe reads it once and decodes its ends. */
const PROBE_TIMEOUT_MS = 10_000;
/** Decoding runs some hundred times faster than the music; this is for the slowest disk there is. */
const STAGE_TIMEOUT_MS = 3_600_000;
/** Both children may be staging long files, or be unable to start. */
const WAIT_TIMEOUT_MS = 60_000;
/** A child that is busy hears of the end only after its file. */
const STOP_TIMEOUT_MS = 5_000;
/** A file that kills the child that reads it is tried this often. */
const TRIES = 2;

/** The children that look into audio files, so that a hostile one costs them and not the server. */
export interface MediaPool {
  start(): void;
  /** Whether any child lives: without one no upload can be looked into. */
  isAlive(): boolean;
  /**
   * What a stored file holds.
   *
   * @throws {ChildFailure} UNSUPPORTED_FORMAT or INVALID_AUDIO, with a sentence for the client
   */
  probe(path: string): Promise<ProbeResult>;
  /** Decodes what MSST cannot into a float WAV. @throws {ChildFailure} as above, or CANCELLED */
  stage(params: StageParams, signal: AbortSignal): Promise<StageResult>;
  stop(): Promise<void>;
}

/** Which children somebody would take. */
type Accepts = (child: ChildProcess) => boolean;

/** Builds the pool of one media child, or two as soon as two files are to be read at once. */
export function createMediaPool(command: ChildCommand, log: Log): MediaPool {
  const stopping = new AbortController();
  const idle: ChildProcess[] = [];
  const alive = new Set<ChildProcess>();
  // A function, because the compiler believes a property that it has just seen false.
  const isStopping = () => stopping.signal.aborted;
  const waiting: { accepts: Accepts; take: (child: ChildProcess) => void }[] = [];
  const loops: Promise<void>[] = [];
  /** Children that will be idle soon. */
  let starting = 0;

  const offer = (child: ChildProcess) => {
    const at = waiting.findIndex(({ accepts }) => accepts(child));
    if (at < 0) idle.push(child);
    else waiting.splice(at, 1)[0]?.take(child);
  };

  const takeIdle = (accepts: Accepts): Promise<ChildProcess> => {
    const at = idle.findIndex(accepts);
    const [child] = at < 0 ? [] : idle.splice(at, 1);
    if (child) return Promise.resolve(child);
    if (waiting.length >= starting && loops.length < MAX_CHILDREN) loops.push(keepAlive());
    return new Promise((resolve, reject) => {
      const entry = {
        accepts,
        take(free: ChildProcess) {
          clearTimeout(timer);
          resolve(free);
        },
      };
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(entry), 1);
        reject(new Error('no media child became free in time'));
      }, WAIT_TIMEOUT_MS);
      waiting.push(entry);
    });
  };

  const keepAlive = async (): Promise<void> => {
    for (let failures = 0; !isStopping(); failures += 1) {
      const delayMs = restartDelayMs(failures);
      if (delayMs > 0) await sleep(delayMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (isStopping()) return;
      const child = ChildProcess.start(command, log);
      alive.add(child);
      starting += 1;
      try {
        child.onNotification('log', logSchema, ({ level, message }) => {
          log[level]({ pid: child.pid, line: message }, 'message of a media child');
        });
        const params = { role: 'media', protocol_version: PROTOCOL_VERSION } satisfies InitializeParams;
        await child.request('initialize', params, mediaReadySchema, { timeoutMs: HELLO_TIMEOUT_MS });
        failures = 0;
        offer(child);
      } catch (error) {
        log.error({ err: error }, 'a media child could not start');
        child.kill();
      } finally {
        starting -= 1;
      }
      await child.exited;
      alive.delete(child);
      const at = idle.indexOf(child);
      if (at >= 0) idle.splice(at, 1);
    }
  };

  /** Lends a child to `use`; a child that dies of it is replaced, and the work is tried once more. */
  const withChild = async <T>(use: (child: ChildProcess) => Promise<T>): Promise<T> => {
    let accepts: Accepts = () => true;
    for (let tries = 1; ; tries += 1) {
      const child = await takeIdle(accepts);
      // One that lives beside it may die with it, of something else: only a younger one proves anything.
      const elders = new Set(alive);
      accepts = (candidate) => !elders.has(candidate);
      try {
        const result = await use(child);
        offer(child);
        return result;
      } catch (error) {
        if (!(error instanceof ChildDied)) {
          offer(child);
          throw error;
        }
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
    probe: (path) =>
      withChild((child) =>
        child.request('probe', { path }, probeResultSchema, { timeoutMs: PROBE_TIMEOUT_MS }),
      ),
    stage: (params, signal) =>
      withChild((child) =>
        child.request('stage', params, stageResultSchema, { signal, timeoutMs: STAGE_TIMEOUT_MS }),
      ),
    async stop() {
      stopping.abort();
      const children = [...alive];
      const timer = setTimeout(() => {
        for (const child of children) child.kill();
      }, STOP_TIMEOUT_MS);
      await Promise.all(children.map((child) => child.shutdown().finally(() => child.kill())));
      clearTimeout(timer);
      await Promise.all(loops);
    },
  };
}
