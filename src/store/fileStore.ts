import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, rmdir, stat, statfs, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { Readable, Writable } from 'node:stream';

/** Written data is forced to disk this often: one fsync at the end of a long file stalls every commit. */
const SYNC_EVERY_BYTES = 8_000_000;

/** A file is read in pieces of this size: with Node's own of 64 KiB, handing them on takes longer than reading them. */
const READ_BYTES = 256 * 1024;

/** Files by opaque key. A key never leaves the server, and a path never enters the database. */
export interface FileStore {
  /** A stream that ends only when its bytes are on the disk. */
  create(key: string): Promise<Writable>;
  /** Makes an empty folder, with all above it; one that is there is emptied. */
  createFolder(key: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Forces a folder's own entries to disk, after its files were written. */
  syncFolder(key: string): Promise<void>;
  /** Bytes of a file; undefined when it is not there. */
  size(key: string): Promise<number | undefined>;
  /** When a file was written, or a folder's own entries changed: milliseconds since the epoch; undefined when it is not there. */
  modifiedAt(key: string): Promise<number | undefined>;
  /** The bytes from `start` to `end`, both included, of a file that is open when this resolves. */
  read(key: string, range: { start: number; end: number }): Promise<Readable>;
  /** Removes a file or a folder with all in it; one that is not there is fine. */
  remove(key: string): Promise<void>;
  /** Removes a folder that has nothing in it; any other is left as it is. */
  removeEmptyFolder(key: string): Promise<void>;
  /** The names directly inside a folder. */
  list(key: string): Promise<string[]>;
  /** Where a child process on this machine finds the file. */
  localPath(key: string): string;
  /** Bytes free for this server. */
  freeBytes(): Promise<number>;
}

/** A file store in a folder of the local disk. */
export function createLocalFileStore(root: string): FileStore {
  const at = (key: string): string => {
    const full = path.resolve(root, key);
    if (!full.startsWith(root + path.sep)) throw new Error('a storage key leaves its store');
    return full;
  };

  return {
    async create(key) {
      await mkdir(path.dirname(at(key)), { recursive: true });
      return durableWriter(await open(at(key), 'wx'));
    },
    async createFolder(key) {
      await rm(at(key), { recursive: true, force: true });
      await mkdir(at(key), { recursive: true });
    },
    rename: (from, to) => rename(at(from), at(to)),
    async syncFolder(key) {
      const folder = await open(at(key), 'r');
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
    },
    async size(key) {
      try {
        return (await stat(at(key))).size;
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },
    async modifiedAt(key) {
      try {
        return (await stat(at(key))).mtimeMs;
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },
    async read(key, { start, end }) {
      if (end < start) return Readable.from([]);
      const file = createReadStream(at(key), { start, end, highWaterMark: READ_BYTES });
      await once(file, 'open');
      return file;
    },
    remove: (key) => rm(at(key), { recursive: true, force: true }),
    async removeEmptyFolder(key) {
      await rmdir(at(key)).catch((error: unknown) => {
        const { code = '' } = error as NodeJS.ErrnoException;
        if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(code)) throw error;
      });
    },
    async list(key) {
      try {
        return await readdir(at(key));
      } catch (error) {
        if (isMissing(error)) return [];
        throw error;
      }
    },
    localPath: at,
    async freeBytes() {
      const disk = await statfs(root);
      return disk.bavail * disk.bsize;
    },
  };
}

const isMissing = (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOENT';

function durableWriter(file: FileHandle): Writable {
  let unsynced = 0;
  // Goes on beside the next writes, one at a time: neither the network nor the disk waits for the other.
  let syncing = Promise.resolve();
  const write = async (chunks: Uint8Array[]): Promise<void> => {
    const bytes = chunks.reduce((total, chunk) => total + chunk.byteLength, 0);
    const { bytesWritten } = await file.writev(chunks);
    // A disk that is filling up takes a part only; writing the rest says why.
    if (bytesWritten < bytes) await file.writeFile(Buffer.concat(chunks).subarray(bytesWritten));
    unsynced += bytes;
    if (unsynced < SYNC_EVERY_BYTES) return;
    unsynced = 0;
    await syncing;
    syncing = file.datasync();
    // The next sync tells of it, or the end; unheard until then, it would end the process.
    syncing.catch(() => undefined);
  };
  const settle = (work: Promise<void>, callback: (error?: Error | null) => void) => {
    work.then(() => {
      callback();
    }, callback);
  };
  return new Writable({
    highWaterMark: 1024 * 1024,
    write: (chunk: Uint8Array, _encoding, callback) => {
      settle(write([chunk]), callback);
    },
    writev: (items, callback) => {
      settle(write(items.map((item) => item.chunk as Uint8Array)), callback);
    },
    final: (callback) => {
      const all = syncing.then(() => file.sync());
      settle(all, callback);
    },
    destroy: (error, callback) => {
      file.close().then(() => {
        callback(error);
      }, callback);
    },
  });
}
