import { mkdir, open, readdir, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';

/** A folder of this machine whose entries go by keys. */
export interface Folder {
  /** The absolute path of a key. @throws when it would lie outside the folder */
  readonly at: (key: string) => string;
  /** Size of a file in bytes; undefined when it does not exist. */
  readonly size: (key: string) => Promise<number | undefined>;
  /** Modification time in milliseconds since the epoch; undefined when it does not exist. */
  readonly modifiedAt: (key: string) => Promise<number | undefined>;
  /** The names of the direct entries of a folder; empty when it does not exist. */
  readonly list: (key: string) => Promise<string[]>;
  /** Creates a folder and its parents; an existing folder is emptied. */
  readonly createEmpty: (key: string) => Promise<void>;
  /** Removes a file, or a folder and its contents. A missing one is not an error. */
  readonly remove: (key: string) => Promise<void>;
  /** Syncs a folder's directory entries to disk, after its files have been written. */
  readonly sync: (key: string) => Promise<void>;
}

/** Opens it; it need not exist yet. */
export function openFolder(root: string): Folder {
  const at = (key: string): string => {
    const full = path.resolve(root, key);
    if (!full.startsWith(root + path.sep)) throw new Error('a storage key leaves its store');
    return full;
  };
  const remove = (key: string) => rm(at(key), { recursive: true, force: true });
  return {
    at,
    size: (key) => orMissing(async () => (await stat(at(key))).size, undefined),
    modifiedAt: (key) => orMissing(async () => (await stat(at(key))).mtimeMs, undefined),
    list: (key) => orMissing(async () => readdir(at(key)), []),
    async createEmpty(key) {
      await remove(key);
      await mkdir(at(key), { recursive: true });
    },
    remove,
    async sync(key) {
      const folder = await open(at(key), 'r');
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
    },
  };
}

async function orMissing<T>(look: () => Promise<T>, missing: T): Promise<T> {
  try {
    return await look();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return missing;
    throw error;
  }
}

/** Removes a folder by its path if it is empty; does nothing otherwise, or if it does not exist. */
export async function removeIfEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch((error: unknown) => {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(code)) throw error;
  });
}
