import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { makeFolder } from '../makeFolder.ts';

/** Why no server can work in a data directory, in a sentence for whoever starts it. */
export class DataDirUnusable extends Error {}

/** What others may do in it. */
const OPEN_TO_OTHERS = 0o077;

/**
 * Makes the data directory for its owner alone, and everything that this process and its children write from then on.
 * One that others may look into and that a server has worked in keeps its ways, for somebody may rely on them.
 *
 * @returns a sentence for the administrator about one that others may look into
 * @throws {DataDirUnusable} where it cannot be made
 */
export function makeDataDirPrivate(dataDir: string): string | undefined {
  const isNew = make(dataDir);
  const mode = statSync(dataDir).mode & 0o777;
  const isOpen = (mode & OPEN_TO_OTHERS) !== 0;
  if (isNew || !isOpen || !existsSync(path.join(dataDir, 'tasks.db'))) process.umask(OPEN_TO_OTHERS);
  if (!isOpen) return undefined;
  return `Other users of this machine may look into ${dataDir} (its mode is ${mode.toString(8)}). It is left so; chmod -R go= ${dataDir} makes it private.`;
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
