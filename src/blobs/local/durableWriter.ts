import type { FileHandle } from 'node:fs/promises';
import { Writable } from 'node:stream';

/** Written data is synced to disk this often: one fsync at the end of a large file stalls every commit. */
const SYNC_EVERY_BYTES = 8_000_000;

/** A stream into an open file that finishes only when its bytes are on disk, and closes the file. */
export function durableWriter(file: FileHandle): Writable {
  let unsynced = 0;
  // Syncs run alongside later writes, one at a time, so that network and disk do not wait for each other.
  let syncing = Promise.resolve();
  const write = async (chunks: Uint8Array[]): Promise<void> => {
    const bytes = chunks.reduce((total, chunk) => total + chunk.byteLength, 0);
    const { bytesWritten } = await file.writev(chunks);
    // A full disk causes a short write; writing the rest raises the actual error.
    if (bytesWritten < bytes) await file.writeFile(Buffer.concat(chunks).subarray(bytesWritten));
    unsynced += bytes;
    if (unsynced < SYNC_EVERY_BYTES) return;
    unsynced = 0;
    await syncing;
    syncing = file.datasync();
    // The next sync or `final` reports a failure; without a handler until then it would end the process.
    syncing.catch(() => undefined);
  };
  const report = (work: Promise<void>, callback: (error?: Error | null) => void) => {
    work.then(() => {
      callback();
    }, callback);
  };
  return new Writable({
    highWaterMark: 1024 * 1024,
    write: (chunk: Uint8Array, _encoding, callback) => {
      report(write([chunk]), callback);
    },
    writev: (items, callback) => {
      report(write(items.map((item) => item.chunk as Uint8Array)), callback);
    },
    final: (callback) => {
      const all = syncing.then(() => file.sync());
      report(all, callback);
    },
    destroy: (error, callback) => {
      file.close().then(() => {
        callback(error);
      }, callback);
    },
  });
}
