/** A text file that is begun anew when it is full: `server.log`, and before it `server.log.1`, `.2`, … */
import {
  appendFileSync,
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import path from 'node:path';
import { makeFolder } from './makeFolder.ts';

/** Where the lines go, and when the oldest of them are given up. */
export interface RotatingFileOptions {
  path: string;
  /** No file grows above this, unless one line does. */
  maxBytes: number;
  /** How many files there are at most, the current one among them. */
  maxFiles: number;
}

/** How long after one that failed the next new file is tried: twice as long each time. */
const SHORTEST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

/** The file cannot be opened for writing; the message is a sentence for the administrator. */
export class FileNotWritable extends Error {
  override readonly name = 'FileNotWritable';
}

/**
 * Appends lines, synchronously: what was written before the process ends, however it ends, is in the file. A full
 * disk loses lines, never the server, and the file goes on when there is room again. A full file that cannot be begun
 * anew now, for want of descriptors, say, takes as much again; that is tried anew after a while.
 */
export class RotatingFile {
  readonly #options: RotatingFileOptions;
  #descriptor: number;
  #bytes: number;
  #isFailing = false;
  #waitMs = 0;
  #rotateFrom = -Infinity;

  /** Opens the file to append, with the folders above it. @throws {FileNotWritable} */
  constructor(options: RotatingFileOptions) {
    this.#options = options;
    try {
      makeFolder(path.dirname(options.path));
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
      if (this.#waitMs === 0) this.#isFailing = false;
    } catch (error) {
      this.#complain(error);
    }
  }

  #complain(error: unknown): void {
    if (!this.#isFailing) process.stderr.write(`the log file cannot be written: ${String(error)}\n`);
    this.#isFailing = true;
  }

  /** Nothing may be written after. */
  close(): void {
    closeSync(this.#descriptor);
  }

  #fits(text: string): boolean {
    return this.#bytes + Buffer.byteLength(text) <= this.#options.maxBytes;
  }

  #append(text: string): void {
    if (this.#bytes > 0 && !this.#fits(text) && !this.#tryToRotate()) {
      if (this.#bytes + Buffer.byteLength(text) > 2 * this.#options.maxBytes) return;
    }
    appendFileSync(this.#descriptor, text);
    this.#bytes += Buffer.byteLength(text);
  }

  /** @returns whether the file is a new one */
  #tryToRotate(): boolean {
    if (performance.now() < this.#rotateFrom) return false;
    try {
      this.#rotate();
      this.#waitMs = 0;
      return true;
    } catch (error) {
      this.#complain(error);
      this.#waitMs = Math.min(LONGEST_WAIT_MS, Math.max(SHORTEST_WAIT_MS, 2 * this.#waitMs));
      this.#rotateFrom = performance.now() + this.#waitMs;
      return false;
    }
  }

  /** Nothing is moved before the new file is open, and then nothing further than it must. */
  #rotate(): void {
    const { path: current } = this.#options;
    const next = `${current}.next`;
    const descriptor = openSync(next, 'w');
    try {
      this.#makeWay();
      renameSync(next, current);
    } catch (error) {
      closeSync(descriptor);
      rmSync(next, { force: true });
      throw error;
    }
    const full = this.#descriptor;
    this.#descriptor = descriptor;
    this.#bytes = 0;
    this.#isFailing = false;
    closeSync(full);
  }

  /** Every file becomes an older one, up to the first gap: a try that ended half-way left one. */
  #makeWay(): void {
    const { maxFiles, path: current } = this.#options;
    const nameOf = (age: number) => (age === 0 ? current : `${current}.${String(age)}`);
    let free = 1;
    while (free < maxFiles - 1 && existsSync(nameOf(free))) free += 1;
    for (let age = Math.min(free, maxFiles - 1); age > 0; age -= 1) {
      if (existsSync(nameOf(age - 1))) renameSync(nameOf(age - 1), nameOf(age));
    }
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
