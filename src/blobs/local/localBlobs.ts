import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import type { BlobStore } from '../blobStore.ts';
import { durableWriter } from './durableWriter.ts';
import { openFolder, removeIfEmpty } from './folder.ts';

/** Read buffer size: with Node's default of 64 KiB, passing buffers on takes longer than reading them. */
const READ_BYTES = 256 * 1024;

/** The name of a blob that has none yet. */
const UNNAMED = 'upload';

/** Keeps blobs in a folder of this machine. */
export function createLocalBlobs(root: string): BlobStore {
  const folder = openFolder(root);
  return {
    async receive(prefix) {
      const parent = path.posix.dirname(prefix);
      const unnamed = path.join(folder.at(prefix), UNNAMED);
      const file = await create(unnamed);
      return {
        sink: durableWriter(file),
        localPath: unnamed,
        async commit(name) {
          const key = `${prefix}/${name}`;
          await rename(unnamed, folder.at(key));
          await folder.sync(prefix);
          await folder.sync(parent);
          return key;
        },
        discard: () => folder.remove(prefix),
      };
    },
    size: folder.size,
    async read(key, { start, end }) {
      if (end < start) return Readable.from([]);
      const file = createReadStream(folder.at(key), { start, end, highWaterMark: READ_BYTES });
      await once(file, 'open');
      return file;
    },
    list: folder.list,
    modifiedAt: folder.modifiedAt,
    remove: folder.remove,
  };
}

/** Creates a file, and its folder if need be. Leaves neither behind when it fails. */
async function create(file: string): Promise<FileHandle> {
  const folder = path.dirname(file);
  await mkdir(folder, { recursive: true });
  try {
    return await open(file, 'wx');
  } catch (error) {
    await removeIfEmpty(folder);
    throw error;
  }
}
