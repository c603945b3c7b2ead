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
 * Appends lines, synchronously: what was written before the process ends, however it ends, is in the file. A full
 * disk loses lines, never the server, and the file goes on when there is room again.
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

  /** Appends whole lines: in one write when the file has room for all of them, else each where it fits. */
  write(lines: string): void {
    try {
      if (this.#fits(lines)) this.#append(lines);
      else for (const line of lines.split(/(?<=\n)/)) this.#append(line);
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

  #fits(text: string): boolean {
    return this.#bytes + Buffer.byteLength(text) <= this.#options.maxBytes;
  }

  #append(text: string): void {
    if (this.#bytes > 0 && !this.#fits(text)) this.#rotate();
    appendFileSync(this.#descriptor, text);
    this.#bytes += Buffer.byteLength(text);
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
