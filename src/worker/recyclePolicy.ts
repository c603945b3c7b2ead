/** A worker whose memory ran out in so many tasks begins anew: what is left of it may be in pieces. */
const SHORTAGES = 2;
/** A worker that holds so much more than it should is taken to leak (bytes). */
const MAX_GROWTH_BYTES = 2_000_000_000;
/** The same on a GPU, of which it uses the same every time it holds the same models. */
const MAX_DEVICE_GROWTH = 0.2;
/** What cuBLAS and others set aside at some time or other is no leak (bytes). */
const DEVICE_ALLOWANCE_BYTES = 200_000_000;
const TASKS = 500;
const TASKS_SPREAD = 50;

/**
 * How worn a worker is: whether it leaks, or has done so many tasks that it had better begin anew. Only a
 * worker that rests tells what it holds by itself; the arrays of a task are no leak, and warm models are none.
 */
export class RecyclePolicy {
  readonly #maxTasks: number;
  #tasks = 0;
  #shortages = 0;
  #loads = 0;
  #baselineBytes: number | undefined;
  /** What it used of its GPU with these models when it held them first, in a row. */
  #deviceBaseline = { models: '', bytes: 0 };
  #reason: string | undefined;

  /** @param random from 0 to 1: workers that started together are not to be replaced together */
  constructor(random: number = Math.random()) {
    this.#maxTasks = Math.round(TASKS + TASKS_SPREAD * (2 * random - 1));
  }

  /** Why it should be replaced, for the log; undefined: it need not be. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** It has done a task; `modelLoads` is null where that ended in a failure, which says nothing of its models. */
  taskEnded({ modelLoads, ranShort }: { modelLoads: number | null; ranShort: boolean }): void {
    this.#tasks += 1;
    if (modelLoads !== null && modelLoads !== this.#loads) this.modelsChanged();
    this.#loads = modelLoads ?? this.#loads;
    if (ranShort) this.#shortages += 1;
    if (this.#shortages >= SHORTAGES) this.#reason = `memory ran out in ${String(this.#shortages)} tasks`;
    if (this.#tasks >= this.#maxTasks) this.#reason = `it has done ${String(this.#tasks)} tasks`;
  }

  /** It holds other models from now on, and so another amount of memory. */
  modelsChanged(): void {
    this.#baselineBytes = undefined;
  }

  /** It rests with these models, and uses so much of its GPU; null: it has none. */
  holds(models: readonly string[], usedBytes: number | null): void {
    if (usedBytes === null) return;
    const held = [...models].sort().join(' ');
    if (held !== this.#deviceBaseline.models) this.#deviceBaseline = { models: held, bytes: usedBytes };
    const { bytes } = this.#deviceBaseline;
    const grown = usedBytes - bytes;
    if (grown <= Math.max(bytes * MAX_DEVICE_GROWTH, DEVICE_ALLOWANCE_BYTES)) return;
    this.#reason = `its memory on the GPU has grown by ${(grown / 1e9).toFixed(1)} GB`;
  }

  /** It rests, and its process takes so much memory. The first time after a task says what it needs. */
  rests(rssBytes: number): void {
    if (this.#tasks === 0) return;
    this.#baselineBytes ??= rssBytes;
    const grown = rssBytes - this.#baselineBytes;
    if (grown > MAX_GROWTH_BYTES) this.#reason = `its memory has grown by ${(grown / 1e9).toFixed(1)} GB`;
  }
}
