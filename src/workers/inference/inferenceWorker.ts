import type { Log } from '../../log/log.ts';
import { ChildDied, ChildFailure, type ChildExit } from '../process/childErrors.ts';
import { ChildProcess, type ChildCommand } from '../process/childProcess.ts';
import { TIMEOUTS, type Timeouts } from '../health/timeouts.ts';
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
} from '../../contract/protocol.ts';
import { RecyclePolicy } from './recyclePolicy.ts';

/** Upper bound for importing torch and MSST. */
const HELLO_TIMEOUT_MS = 120_000;
/** Upper bound for loading a model: one of many gigabytes on a slow disk takes minutes. */
const LOAD_TIMEOUT_MS = 600_000;
const UNLOAD_TIMEOUT_MS = 60_000;
const SHUTDOWN_TIMEOUT_MS = 5_000;

/** Callbacks for messages of a running attempt. */
export interface AttemptEvents {
  onProgress(progress: ProgressMessage): void;
  /** Called for each heartbeat of the worker. */
  onHeartbeat(heartbeat: HeartbeatMessage): void;
}

/** A Python process that separates one task at a time on one device. */
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
    // Messages of any other attempt are late and ignored.
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
      log[level]({ workerId: id, taskId: task_id, attempt, line: message }, 'worker message');
    });
  }

  /** Starts the process and waits until torch and MSST are imported. @throws when that fails or is aborted */
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
      if (ready.protocol_version !== PROTOCOL_VERSION)
        throw new Error('the worker uses another protocol version');
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

  /** Whether models may be loaded: one was requested since the start or the last `unload`. */
  get mayHoldModels(): boolean {
    return this.#mayHoldModels;
  }

  /** The loaded models and GPU memory that the worker last reported while idle. */
  get holding(): HoldingMessage {
    return this.#holding;
  }

  /** Whether it was killed because it did not stop a cancelled attempt in time; that is not a crash. */
  get wasCancelled(): boolean {
    return this.#wasCancelled;
  }

  /**
   * Loads a model ahead of the tasks that will use it.
   *
   * @throws {ChildFailure} when it cannot be loaded
   * @throws {ChildDied} when the process ends during the call
   */
  async load(model: ModelParams): Promise<LoadResult> {
    this.#mayHoldModels = true;
    const params = { model } satisfies LoadParams;
    return this.#maintain(() =>
      this.#child.request('load', params, loadResultSchema, { timeoutMs: LOAD_TIMEOUT_MS }),
    );
  }

  /** Unloads all models. @throws {ChildFailure | ChildDied} as `load` does */
  async unload(): Promise<UnloadResult> {
    const result = await this.#maintain(() =>
      this.#child.request('unload', {}, unloadResultSchema, { timeoutMs: UNLOAD_TIMEOUT_MS }),
    );
    this.#mayHoldModels = false;
    return result;
  }

  /** Runs maintenance work. The recycle policy ignores the process's memory while its models change. */
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
   * Runs one attempt. Aborting the signal stops it at the next chunk; if it does not stop in time, the process is
   * killed.
   *
   * @throws {ChildFailure} when the attempt fails; kind CANCELLED when the signal stopped it
   * @throws {ChildDied} when the process ends during the call
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
        // The worker cannot be trusted after this.
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

  /** Asks the worker to decode a mixture ahead, during the running attempt. A hint: it never affects results. */
  prepare(message: PrepareMessage): void {
    this.#child.notify('prepare', message);
  }

  /** Stops the process: asks it to exit, then kills it. */
  async stop(): Promise<void> {
    const timer = setTimeout(() => {
      this.#child.kill();
    }, SHUTDOWN_TIMEOUT_MS);
    await this.#child.shutdown();
    await this.exited;
    clearTimeout(timer);
  }

  /** Asks the process to dump the stacks of all threads to the log. */
  dump(): void {
    this.#child.dump();
  }

  /** Kills the process and everything it started. */
  kill(): void {
    this.#child.kill();
  }
}
