import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, rmdir, stat, statfs, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { Readable, Writable } from 'node:stream';

/** Written data is synced to disk this often: one fsync at the end of a large file stalls every commit. */
const SYNC_EVERY_BYTES = 8_000_000;

/** Read buffer size: with Node's default of 64 KiB, passing buffers on takes longer than reading them. */
const READ_BYTES = 256 * 1024;

/** Stores files by opaque key. Keys never leave the server; paths never enter the database. */
export interface FileStore {
  /** Creates a file and returns a stream that finishes only when its bytes are on disk. */
  create(key: string): Promise<Writable>;
  /** Creates an empty folder and its parents; an existing folder is emptied. */
  createFolder(key: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Syncs a folder's directory entries to disk, after its files have been written. */
  syncFolder(key: string): Promise<void>;
  /** Size of a file in bytes; undefined when it does not exist. */
  size(key: string): Promise<number | undefined>;
  /** Modification time of a file or folder, in milliseconds since the epoch; undefined when it does not exist. */
  modifiedAt(key: string): Promise<number | undefined>;
  /** Streams the bytes from `start` to `end`, both inclusive. The file is open when this resolves. */
  read(key: string, range: { start: number; end: number }): Promise<Readable>;
  /** Removes a file, or a folder and its contents. A missing one is not an error. */
  remove(key: string): Promise<void>;
  /** Removes a folder if it is empty; does nothing otherwise. */
  removeEmptyFolder(key: string): Promise<void>;
  /** The names of the direct entries of a folder; empty when it does not exist. */
  list(key: string): Promise<string[]>;
  /** The absolute path of the file, for child processes on this machine. */
  localPath(key: string): string;
  /** Bytes of disk space available to this server. */
  freeBytes(): Promise<number>;
}

/** Creates a file store in a local folder. */
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
