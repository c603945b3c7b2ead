/** Tasks that ran out of memory after which a worker is replaced: its memory may be fragmented. */
const SHORTAGES = 2;
/** Growth of host memory that counts as a leak (bytes). */
const MAX_GROWTH_BYTES = 2_000_000_000;
/** Growth of GPU memory that counts as a leak (share of the baseline): the same models use the same amount. */
const MAX_DEVICE_GROWTH = 0.2;
/** GPU memory growth that is not a leak: workspaces that cuBLAS and others allocate lazily (bytes). */
const DEVICE_ALLOWANCE_BYTES = 200_000_000;
const TASKS = 500;
const TASKS_SPREAD = 50;

/**
 * Decides when a worker should be replaced: because it leaks memory, ran out of memory, or has run many tasks.
 * Memory is judged only while the worker is idle, since a task's arrays and loaded models are not leaks.
 */
export class RecyclePolicy {
  readonly #maxTasks: number;
  #tasks = 0;
  #shortages = 0;
  #loads = 0;
  #baselineBytes: number | undefined;
  /** The current set of models and the GPU memory in use when the worker first reported it. */
  #deviceBaseline = { models: '', bytes: 0 };
  #reason: string | undefined;

  /** @param random from 0 to 1; spreads the replacement of workers that started together */
  constructor(random: number = Math.random()) {
    this.#maxTasks = Math.round(TASKS + TASKS_SPREAD * (2 * random - 1));
  }

  /** Why the worker should be replaced, for the log; undefined when it need not be. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** Records the end of a task. `modelLoads` is null for a failed task, which does not report it. */
  taskEnded({ modelLoads, ranShort }: { modelLoads: number | null; ranShort: boolean }): void {
    this.#tasks += 1;
    if (modelLoads !== null && modelLoads !== this.#loads) this.modelsChanged();
    this.#loads = modelLoads ?? this.#loads;
    if (ranShort) this.#shortages += 1;
    if (this.#shortages >= SHORTAGES) this.#reason = `memory ran out in ${String(this.#shortages)} tasks`;
    if (this.#tasks >= this.#maxTasks) this.#reason = `it has done ${String(this.#tasks)} tasks`;
  }

  /** Resets the memory baseline because the loaded models changed. */
  modelsChanged(): void {
    this.#baselineBytes = undefined;
  }

  /** Records the models and GPU memory in use while idle; null: no GPU. */
  holds(models: readonly string[], usedBytes: number | null): void {
    if (usedBytes === null) return;
    const held = [...models].sort().join(' ');
    if (held !== this.#deviceBaseline.models) this.#deviceBaseline = { models: held, bytes: usedBytes };
    const { bytes } = this.#deviceBaseline;
    const grown = usedBytes - bytes;
    if (grown <= Math.max(bytes * MAX_DEVICE_GROWTH, DEVICE_ALLOWANCE_BYTES)) return;
    this.#reason = `its GPU memory has grown by ${(grown / 1e9).toFixed(1)} GB`;
  }

  /** Records the process's memory while idle. The first value after a task is the baseline. */
  rests(rssBytes: number): void {
    if (this.#tasks === 0) return;
    this.#baselineBytes ??= rssBytes;
    const grown = rssBytes - this.#baselineBytes;
    if (grown > MAX_GROWTH_BYTES) this.#reason = `its memory has grown by ${(grown / 1e9).toFixed(1)} GB`;
  }
}
