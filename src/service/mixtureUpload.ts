import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError } from '../errors.ts';
import type { FileStore } from '../blobs/fileStore.ts';
import { layout } from '../blobs/layout.ts';

/** A received file that does not belong to a task yet: hashed, counted and on disk. */
export interface StoredUpload {
  inputId: string;
  bytes: number;
  sha256: string;
}

/**
 * Streams an upload to disk, hashing and counting it on the way; it is never held in memory.
 *
 * @param inputId names the folder it goes into
 * @param source the bytes of the file part
 * @throws {AppError} FILE_TOO_LARGE as soon as it exceeds `maxBytes`
 */
export async function receiveUpload(
  files: FileStore,
  inputId: string,
  source: NodeJS.ReadableStream,
  maxBytes: number,
): Promise<StoredUpload> {
  const hash = createHash('sha256');
  let bytes = 0;
  const measure = new Transform({
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
  // The source may fail before the pipeline listens; an unhandled error event would end the process.
  source.on('error', () => undefined);
  try {
    const sink = await files.create(layout.upload(inputId));
    await pipeline(source, measure, sink);
  } catch (error) {
    await files.remove(layout.input(inputId));
    throw error;
  }
  return { inputId, bytes, sha256: hash.digest('hex') };
}

/** The refusal of a file part that is longer than allowed. */
export function tooLarge(maxBytes: number): AppError {
  return new AppError(
    'FILE_TOO_LARGE',
    `The file is too large: at most ${String(maxBytes)} bytes (${(maxBytes / 1e6).toFixed(1)} MB) are allowed.`,
  );
}
