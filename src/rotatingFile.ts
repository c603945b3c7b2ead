/** A text file that is begun anew when it is full: `server.log`, and before it `server.log.1`, `.2`, … */
import {
  appendFileSync,
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import path from 'node:path';

/** Where the lines go, and when the oldest of them are given up. */
export interface RotatingFileOptions {
  path: string;
  /** No file grows above this, unless one line does. */
  maxBytes: number;
  /** How many files there are at most, the current one among them. */
  maxFiles: number;
}

/** The file cannot be opened for writing; the message is a sentence for the administrator. */
export class FileNotWritable extends Error {
  override readonly name = 'FileNotWritable';
}

/**
 * Appends lines, each with one synchronous write: what was logged before the process ends, however it ends, is in
 * the file. A full disk loses lines, never the server, and the file goes on when there is room again.
 */
export class RotatingFile {
  readonly #options: RotatingFileOptions;
  #descriptor: number;
  #bytes: number;
  #isFailing = false;

  /** Opens the file to append, with the folders above it. @throws {FileNotWritable} */
  constructor(options: RotatingFileOptions) {
    this.#options = options;
    try {
      mkdirSync(path.dirname(options.path), { recursive: true });
      this.#descriptor = openSync(options.path, 'a');
      this.#bytes = fstatSync(this.#descriptor).size;
      this.#removeSurplus();
    } catch (error) {
      const { code = 'unknown' } = error as NodeJS.ErrnoException;
      throw new FileNotWritable(`The log file ${options.path} cannot be written (${code}).`, {
        cause: error,
      });
    }
  }

  write(line: string): void {
    try {
      const bytes = Buffer.byteLength(line);
      if (this.#bytes > 0 && this.#bytes + bytes > this.#options.maxBytes) this.#rotate();
      appendFileSync(this.#descriptor, line);
      this.#bytes += bytes;
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) process.stderr.write(`the log file cannot be written: ${String(error)}\n`);
      this.#isFailing = true;
    }
  }

  /** Nothing may be written after. */
  close(): void {
    closeSync(this.#descriptor);
  }

  #rotate(): void {
    const { maxFiles, path: current } = this.#options;
    for (let age = maxFiles - 1; age > 0; age -= 1) {
      const younger = age === 1 ? current : `${current}.${String(age - 1)}`;
      if (existsSync(younger)) renameSync(younger, `${current}.${String(age)}`);
    }
    if (maxFiles === 1) rmSync(current);
    const full = this.#descriptor;
    this.#descriptor = openSync(current, 'a');
    this.#bytes = 0;
    closeSync(full);
  }

  /** What a larger number of files left behind. */
  #removeSurplus(): void {
    const { path: current, maxFiles } = this.#options;
    const folder = path.dirname(current);
    for (const name of readdirSync(folder)) {
      const age = name.startsWith(`${path.basename(current)}.`) ? path.extname(name).slice(1) : '';
      if (name === `${path.basename(current)}.${age}` && /^\d+$/.test(age) && Number(age) >= maxFiles) {
        rmSync(path.join(folder, name));
      }
    }
  }
}
