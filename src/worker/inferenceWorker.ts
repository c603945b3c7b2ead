import type { Log } from '../log.ts';
import { ChildDied, ChildFailure, type ChildExit } from './childErrors.ts';
import { ChildProcess, type ChildCommand } from './childProcess.ts';
import { TIMEOUTS, type Timeouts } from './timeouts.ts';
import {
  heartbeatSchema,
  holdingSchema,
  loadResultSchema,
  logSchema,
  progressSchema,
  PROTOCOL_VERSION,
  separateResultSchema,
  unloadResultSchema,
  workerReadySchema,
  type HeartbeatMessage,
  type HoldingMessage,
  type InitializeParams,
  type LoadParams,
  type LoadResult,
  type ModelParams,
  type PrepareMessage,
  type ProgressMessage,
  type SeparateParams,
  type SeparateResult,
  type UnloadResult,
  type WorkerReady,
} from './protocol.ts';
import { RecyclePolicy } from './recyclePolicy.ts';

/** Importing torch and MSST takes this long at the very most. */
const HELLO_TIMEOUT_MS = 120_000;
/** A model of many gigabytes on a slow disk takes minutes; a worker that hangs in a load would serve nobody. */
const LOAD_TIMEOUT_MS = 600_000;
const UNLOAD_TIMEOUT_MS = 60_000;
const SHUTDOWN_TIMEOUT_MS = 5_000;

/** What an attempt tells while it runs. */
export interface AttemptEvents {
  onProgress(progress: ProgressMessage): void;
  /** The worker lives: whatever is shown about the attempt may be renewed. */
  onHeartbeat(heartbeat: HeartbeatMessage): void;
}

/** One Python process that separates, on one device, one task at a time. */
export class InferenceWorker {
  readonly id: string;
  readonly ready: WorkerReady;
  readonly exited: Promise<ChildExit>;
  readonly #child: ChildProcess;
  readonly recyclePolicy = new RecyclePolicy();
  readonly #cancelGraceMs: number;
  #wasCancelled = false;
  #mayHoldModels = false;
  #isTended = false;
  #holding: HoldingMessage = { models: [], device_bytes: 0, device_used_bytes: 0 };
  #events: { taskId: string; attempt: number; events: AttemptEvents } | undefined;

  private constructor(
    id: string,
    child: ChildProcess,
    ready: WorkerReady,
    log: Log,
    { cancelGraceMs }: Pick<Timeouts, 'cancelGraceMs'>,
  ) {
    this.id = id;
    this.#cancelGraceMs = cancelGraceMs;
    this.#child = child;
    this.ready = ready;
    this.exited = child.exited;
    // Messages of another attempt than the running one are late, and change nothing.
    const current = (message: { task_id: string | null; attempt: number | null }) =>
      this.#events?.taskId === message.task_id && this.#events.attempt === message.attempt
        ? this.#events.events
        : undefined;
    child.onNotification('progress', progressSchema, (message) => current(message)?.onProgress(message));
    child.onNotification('heartbeat', heartbeatSchema, (message) => {
      current(message)?.onHeartbeat(message);
      if (!this.#events && !this.#isTended && message.task_id === null)
        this.recyclePolicy.rests(message.rss_bytes);
    });
    child.onNotification('holding', holdingSchema, (message) => {
      this.#holding = message;
      this.recyclePolicy.holds(message.models, message.device_used_bytes);
    });
    child.onNotification('log', logSchema, ({ level, message, task_id, attempt }) => {
      log[level]({ workerId: id, taskId: task_id, attempt, line: message }, 'message of a worker');
    });
  }

  /** Starts the process and waits until torch and MSST are imported. @throws when they cannot be, or the signal ended it */
  static async start(
    options: ChildCommand & {
      id: string;
      device: string;
      /** Whether other workers use the same GPU. */
      sharesDevice?: boolean;
      msstRoot: string;
      signal?: AbortSignal;
    },
    log: Log,
    timeouts: Pick<Timeouts, 'cancelGraceMs'> = TIMEOUTS,
  ): Promise<InferenceWorker> {
    const child = ChildProcess.start(options, log);
    const giveUp = () => {
      child.kill();
    };
    options.signal?.addEventListener('abort', giveUp, { once: true });
    try {
      const params = {
        role: 'worker',
        protocol_version: PROTOCOL_VERSION,
        device: options.device,
        msst_root: options.msstRoot,
        shares_device: options.sharesDevice ?? false,
      } satisfies InitializeParams;
      const ready = await child.request('initialize', params, workerReadySchema, {
        timeoutMs: HELLO_TIMEOUT_MS,
      });
      if (ready.protocol_version !== PROTOCOL_VERSION) throw new Error('the worker speaks another protocol');
      return new InferenceWorker(options.id, child, ready, log, timeouts);
    } catch (error) {
      child.kill();
      throw error;
    } finally {
      options.signal?.removeEventListener('abort', giveUp);
    }
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Whether a model may be loaded in it: one was asked for since its start, or since all were unloaded. */
  get mayHoldModels(): boolean {
    return this.#mayHoldModels;
  }

  /** What it held when it rested last: the models that need no loading, and memory of its GPU. */
  get holding(): HoldingMessage {
    return this.#holding;
  }

  /** Whether it was killed for not letting go of a cancelled attempt: its end is no crash. */
  get wasCancelled(): boolean {
    return this.#wasCancelled;
  }

  /**
   * Loads a model ahead of the tasks that will want it.
   *
   * @throws {ChildFailure} when it cannot be loaded
   * @throws {ChildDied} when the process ends under it
   */
  async load(model: ModelParams): Promise<LoadResult> {
    this.#mayHoldModels = true;
    const params = { model } satisfies LoadParams;
    return this.#maintain(() =>
      this.#child.request('load', params, loadResultSchema, { timeoutMs: LOAD_TIMEOUT_MS }),
    );
  }

  /** Frees every loaded model. @throws {ChildFailure | ChildDied} as `load` does */
  async unload(): Promise<UnloadResult> {
    const result = await this.#maintain(() =>
      this.#child.request('unload', {}, unloadResultSchema, { timeoutMs: UNLOAD_TIMEOUT_MS }),
    );
    this.#mayHoldModels = false;
    return result;
  }

  /** What the process holds is not to be judged while its models change. */
  async #maintain<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#isTended = true;
    try {
      return await work();
    } finally {
      this.#isTended = false;
      this.recyclePolicy.modelsChanged();
    }
  }

  /**
   * Runs one attempt. Aborting the signal stops it at the next chunk, or with the whole process when it does
   * not let go.
   *
   * @throws {ChildFailure} when the attempt fails; kind CANCELLED when the signal stopped it
   * @throws {ChildDied} when the process ends under it
   */
  async separate(
    params: SeparateParams,
    events: AttemptEvents,
    signal: AbortSignal,
  ): Promise<SeparateResult> {
    let grace: NodeJS.Timeout | undefined;
    const startGrace = () => {
      grace = setTimeout(() => {
        this.#wasCancelled = true;
        this.#child.kill();
      }, this.#cancelGraceMs);
    };
    signal.addEventListener('abort', startGrace, { once: true });
    this.#mayHoldModels = true;
    this.#events = { taskId: params.task_id, attempt: params.attempt, events };
    let end = { modelLoads: null as number | null, ranShort: false };
    try {
      const result = await this.#child.request('separate', params, separateResultSchema, { signal });
      if (result.task_id !== params.task_id || result.attempt !== params.attempt) {
        // Nothing that it says can be trusted any more.
        this.#child.kill();
        throw new ChildDied(await this.exited, new Error('the worker answered for another attempt'));
      }
      end = { modelLoads: result.model_loads, ranShort: result.memory_retries > 0 };
      return result;
    } catch (error) {
      end.ranShort = error instanceof ChildFailure && error.kind === 'OUT_OF_MEMORY';
      throw error;
    } finally {
      this.#events = undefined;
      this.recyclePolicy.taskEnded(end);
      clearTimeout(grace);
      signal.removeEventListener('abort', startGrace);
    }
  }

  /** Has it decode a mixture ahead, beside the attempt that runs. A hint: whatever becomes of it changes no result. */
  prepare(message: PrepareMessage): void {
    this.#child.notify('prepare', message);
  }

  /** Ends the process: asked first, then killed. */
  async stop(): Promise<void> {
    const timer = setTimeout(() => {
      this.#child.kill();
    }, SHUTDOWN_TIMEOUT_MS);
    await this.#child.shutdown();
    await this.exited;
    clearTimeout(timer);
  }

  /** Asks the process to write to the log where each of its threads is. */
  dump(): void {
    this.#child.dump();
  }

  /** Ends the process at once, with all that it started. */
  kill(): void {
    this.#child.kill();
  }
}
