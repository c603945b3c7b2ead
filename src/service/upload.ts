import { createHash, randomUUID } from 'node:crypto';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { BlobStore, IncomingBlob } from '../blobs/blobStore.ts';
import { layout } from '../blobs/layout.ts';
import { AppError } from '../errors.ts';
import type { Log } from '../log/log.ts';
import type { TaskQueue } from '../queue/taskQueue.ts';

/** A received file, hashed and counted, that no task names yet. Whoever received it discards it last, whatever happened. */
export interface Upload {
  readonly inputId: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Where it can be probed, until `commit`. */
  readonly localPath: string;
  /** Stores it durably for a task. @returns its storage key */
  commit(extension: string): Promise<string>;
  /** A task's row names it now: it stays. */
  keep(): void;
  /** Removes it unless a task's row names it. Never throws: the cleanup removes what this could not. */
  discard(): Promise<void>;
}

/** Receives files. */
export interface Uploads {
  /**
   * Streams a file to disk, hashing and counting it on the way; it is never held in memory.
   *
   * @throws {AppError} FILE_TOO_LARGE as soon as it is longer than allowed; nothing is left of it then
   */
  receive(source: NodeJS.ReadableStream): Promise<Upload>;
  /** Whether a file is being received, or was and is neither kept nor discarded, and so must not be swept. */
  isOpen(inputId: string): boolean;
}

/** Creates it. */
export function createUploads(parts: {
  blobs: Pick<BlobStore, 'receive'>;
  queue: Pick<TaskQueue, 'hasInput'>;
  maxBytes: number;
  log: Pick<Log, 'warn'>;
}): Uploads {
  const { blobs, queue, maxBytes, log } = parts;
  // Contains an id from before its blob is begun.
  const open = new Set<string>();

  const discard = async (inputId: string, blob: IncomingBlob | undefined): Promise<void> => {
    if (!open.has(inputId)) return;
    try {
      // The write of a row can succeed and report an error; the task keeps its mixture then.
      if (!(await queue.hasInput(inputId))) await blob?.discard();
    } catch (error) {
      log.warn({ inputId, err: error }, 'an upload could not be removed');
    } finally {
      open.delete(inputId);
    }
  };

  const ownerOf = (inputId: string, blob: IncomingBlob) => ({
    localPath: blob.localPath,
    commit: (extension: string) => blob.commit(`mixture.${extension}`),
    keep: () => void open.delete(inputId),
    discard: () => discard(inputId, blob),
  });

  return {
    async receive(source) {
      // The source may fail before the pipeline listens; an unhandled error event would end the process.
      source.on('error', () => undefined);
      const inputId = randomUUID();
      open.add(inputId);
      let blob: IncomingBlob | undefined;
      try {
        blob = await blobs.receive(layout.input(inputId));
        const measure = measureUpTo(maxBytes);
        await pipeline(source, measure.stream, blob.sink);
        return {
          inputId,
          ...measure.result(),
          ...ownerOf(inputId, blob),
        };
      } catch (error) {
        await discard(inputId, blob);
        throw error;
      }
    },
    isOpen: (inputId) => open.has(inputId),
  };
}

/** Hashes and counts what passes, and fails with FILE_TOO_LARGE. */
function measureUpTo(maxBytes: number) {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) {
        callback(tooLarge(maxBytes));
        return;
      }
      hash.update(chunk);
      callback(null, chunk);
    },
  });
  return { stream, result: () => ({ bytes, sha256: hash.digest('hex') }) };
}

/** The refusal of a file part that is longer than allowed. */
export function tooLarge(maxBytes: number): AppError {
  return new AppError(
    'FILE_TOO_LARGE',
    `The file is too large: at most ${String(maxBytes)} bytes (${(maxBytes / 1e6).toFixed(1)} MB) are allowed.`,
  );
}
