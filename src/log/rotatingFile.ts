/** A text file that is rotated when full: `server.log`, with older files `server.log.1`, `.2`, … */
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
import { makeFolder } from '../disk/makeFolder.ts';

/** The path and limits of a rotating file. */
export interface RotatingFileOptions {
  path: string;
  /** Maximum size of a file, unless a single line is longer. */
  maxBytes: number;
  /** Maximum number of files, including the current one. */
  maxFiles: number;
}

/** Delay before a failed rotation is retried; doubled each time. */
const SHORTEST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

/** The file cannot be opened for writing; the message is a sentence for the administrator. */
export class FileNotWritable extends Error {
  override readonly name = 'FileNotWritable';
}

/**
 * Appends lines synchronously, so everything written is in the file however the process ends. A full disk loses
 * lines but never stops the server, and writing resumes when there is space. A full file that cannot be rotated,
 * for example for lack of file descriptors, may grow to twice its limit while the rotation is retried.
 */
export class RotatingFile {
  readonly #options: RotatingFileOptions;
  #descriptor: number;
  #bytes: number;
  #isFailing = false;
  #waitMs = 0;
  #rotateFrom = -Infinity;

  /** Opens the file for appending and creates its parent folders. @throws {FileNotWritable} */
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

  /** Appends whole lines: in one write if they all fit in the current file, else one by one. */
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

  /** Closes the file. Do not write afterwards. */
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

  /** @returns whether the file was rotated */
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

  /** Rotates the files. The new file is opened before anything is renamed. */
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

  /** Renames each file to the next older name, up to the first gap, which a failed rotation may have left. */
  #makeWay(): void {
    const { maxFiles, path: current } = this.#options;
    const nameOf = (age: number) => (age === 0 ? current : `${current}.${String(age)}`);
    let free = 1;
    while (free < maxFiles - 1 && existsSync(nameOf(free))) free += 1;
    for (let age = Math.min(free, maxFiles - 1); age > 0; age -= 1) {
      if (existsSync(nameOf(age - 1))) renameSync(nameOf(age - 1), nameOf(age));
    }
  }

  /** Removes files left over from a larger `maxFiles`. */
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
