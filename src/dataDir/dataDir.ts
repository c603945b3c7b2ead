import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { makeFolder } from '../disk/makeFolder.ts';

/** The data directory cannot be used; the message is a sentence for the administrator. */
export class DataDirUnusable extends Error {}

/** The permission bits of group and others. */
const OPEN_TO_OTHERS = 0o077;

/**
 * Creates the data directory with access for its owner only, and sets the umask so that everything this process
 * and its children write later is private too. The umask stays as it is when the directory already holds a queue
 * and other users can access it, since somebody may rely on that access.
 *
 * @returns a sentence for the administrator when other users can access the directory
 * @throws {DataDirUnusable} when it cannot be created
 */
export function makeDataDirPrivate(dataDir: string): string | undefined {
  const isNew = make(dataDir);
  const mode = statSync(dataDir).mode & 0o777;
  const isOpen = (mode & OPEN_TO_OTHERS) !== 0;
  if (isNew || !isOpen || !existsSync(path.join(dataDir, 'tasks.db'))) process.umask(OPEN_TO_OTHERS);
  if (!isOpen) return undefined;
  return `Other users of this machine can read ${dataDir} (mode ${mode.toString(8)}). The server did not change this; to make it private, run: chmod -R go= ${dataDir}`;
}

function make(dataDir: string): boolean {
  try {
    return makeFolder(dataDir, 0o700);
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    const why = code === 'EEXIST' || code === 'ENOTDIR' ? 'there is a file in its place' : code;
    throw new DataDirUnusable(
      `The data directory ${dataDir} cannot be made (${why}). Name another by data_dir or --data-dir: a folder on a local disk in which the server's user may write.`,
      { cause: error },
    );
  }
}
