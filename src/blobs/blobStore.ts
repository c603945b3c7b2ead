import type { Readable, Writable } from 'node:stream';

/**
 * Keeps uploads and stems under opaque keys such as `inputs/1/mixture.wav`; a prefix of keys works like a folder. Keys
 * never leave the server.
 */
export interface BlobStore {
  /** Begins a blob below a prefix that has none yet. It gets its name, and so its key, from `commit`. */
  receive(prefix: string): Promise<IncomingBlob>;
  /** Size of a blob in bytes; undefined when it does not exist. */
  size(key: string): Promise<number | undefined>;
  /** Streams the bytes from `start` to `end`, both inclusive. The blob is open when this resolves, and is read to its end even if it is removed meanwhile. */
  read(key: string, range: { start: number; end: number }): Promise<Readable>;
  /** The names directly below a prefix; empty when there are none. */
  list(prefix: string): Promise<string[]>;
  /** When something was last written directly below a prefix, in milliseconds since the epoch; undefined when there is nothing. */
  modifiedAt(prefix: string): Promise<number | undefined>;
  /** Removes a blob, or everything below a prefix. Nothing there is not an error. */
  remove(prefix: string): Promise<void>;
}

/** A blob whose bytes are arriving. The store does not serve it before it is committed. */
export interface IncomingBlob {
  /** Takes the bytes. It finishes only when they are safe from a power cut. */
  readonly sink: Writable;
  /** Where processes on this machine can read the bytes once `sink` has finished, until `commit`. */
  readonly localPath: string;
  /** Names the blob. @returns its key, when that is safe from a power cut too */
  commit(name: string): Promise<string>;
  /** Removes the blob, committed or not. */
  discard(): Promise<void>;
}
