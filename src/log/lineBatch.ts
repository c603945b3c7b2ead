/** A sink that has written the text by the time `write` returns. */
export interface SynchronousSink {
  write(text: string): unknown;
}

/** Batches with unwritten lines. */
const pending = new Set<LineBatch>();
process.on('exit', () => {
  for (const batch of pending) batch.flush();
});

/**
 * Writes the lines of one turn of the event loop together: a write per line took a third of the time of a poll.
 * Pending lines are also written when the process exits; only a SIGKILL loses the lines of the current turn.
 */
export class LineBatch {
  readonly #sink: SynchronousSink;
  #lines = '';

  constructor(sink: SynchronousSink) {
    this.#sink = sink;
  }

  /** Adds a line, including its line end. */
  write(line: string): void {
    if (!pending.has(this)) {
      pending.add(this);
      setImmediate(() => {
        this.flush();
      });
    }
    this.#lines += line;
  }

  /** Writes all pending lines. */
  flush(): void {
    const lines = this.#lines;
    this.#lines = '';
    pending.delete(this);
    if (lines !== '') this.#sink.write(lines);
  }
}
