import { existsSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';

/** Why no server can work in a data directory, in a sentence for whoever starts it. */
export class DataDirUnusable extends Error {}

/** What others may do in it. */
const OPEN_TO_OTHERS = 0o077;

/**
 * Makes the data directory for its owner alone, and everything that this process and its children write from then on.
 * One that others may look into and that a server has worked in keeps its ways, for somebody may rely on them.
 *
 * @returns a sentence for the administrator about one that others may look into
 * @throws what making it throws
 */
export function makeDataDirPrivate(dataDir: string): string | undefined {
  const isNew = mkdirSync(dataDir, { recursive: true, mode: 0o700 }) !== undefined;
  const mode = statSync(dataDir).mode & 0o777;
  const isOpen = (mode & OPEN_TO_OTHERS) !== 0;
  if (isNew || !isOpen || !existsSync(path.join(dataDir, 'tasks.db'))) process.umask(OPEN_TO_OTHERS);
  if (!isOpen) return undefined;
  return `Other users of this machine may look into ${dataDir} (its mode is ${mode.toString(8)}). It is left so; chmod -R go= ${dataDir} makes it private.`;
}
