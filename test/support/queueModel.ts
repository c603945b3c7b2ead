/** What a queue of tasks must come to, worked out by hand: first in, first out, as far as memory allows. */

/** A task as the model knows it; its size is what it takes of the memory. */
interface Entry {
  seq: number;
  size: number;
  /** Since when it is passed, in seconds. */
  passedSince: number | undefined;
}

const PASSED_FOR_SECONDS = 60;

/** Workers that take tasks in the order they came. A task that does not fit may be passed for a minute, and no other. */
export class QueueModel {
  /** Every start, in order. */
  readonly starts: number[] = [];
  readonly #workers: number;
  readonly #memory: number;
  #tasks: Entry[] = [];
  #running: Entry[] = [];
  #now = 0;
  #came = 0;

  constructor(workers: number, memory: number) {
    this.#workers = workers;
    this.#memory = memory;
  }

  /** By their numbers, in the order they started. */
  get running(): number[] {
    return this.#running.map(({ seq }) => seq);
  }

  /** By their numbers, in the order they came. */
  get pending(): number[] {
    return this.#tasks.map(({ seq }) => seq);
  }

  submit(size: number): void {
    this.#tasks.push({ seq: this.#came, size, passedSince: undefined });
    this.#came += 1;
    this.#dispatch();
  }

  /** A running task has ended, or a pending one is taken back. */
  end(seq: number): void {
    this.#running = this.#running.filter((task) => task.seq !== seq);
    this.#tasks = this.#tasks.filter((task) => task.seq !== seq);
    this.#dispatch();
  }

  /** A running task has to begin anew: it has its old place. */
  requeue(seq: number): void {
    const task = this.#running.find((each) => each.seq === seq);
    if (!task) throw new Error(`${String(seq)} does not run`);
    this.#running = this.#running.filter((each) => each !== task);
    this.#tasks = [...this.#tasks, { ...task, passedSince: undefined }].sort((a, b) => a.seq - b.seq);
    this.#dispatch();
  }

  pass(seconds: number): void {
    this.#now += seconds;
    this.#dispatch();
  }

  #dispatch(): void {
    for (const task of [...this.#tasks]) {
      if (this.#running.length === this.#workers) return;
      const taken = this.#running.reduce((sum, each) => sum + each.size, 0);
      if (taken === 0 || taken + task.size <= this.#memory) {
        this.#tasks = this.#tasks.filter((each) => each !== task);
        this.#running.push(task);
        this.starts.push(task.seq);
        // The next look begins with the oldest again.
        this.#dispatch();
        return;
      }
      task.passedSince ??= this.#now;
      if (this.#now - task.passedSince >= PASSED_FOR_SECONDS) return;
    }
  }
}
