import path from 'node:path';
import { createBallast, type Ballast } from '../dataDir/ballast.ts';
import { lockDataDir } from '../dataDir/dataDirLock.ts';
import { freeBytes } from '../disk/freeBytes.ts';
import { makeFolder } from '../disk/makeFolder.ts';
import type { Parts } from './parts.ts';

/** The data directory, held by this process alone. */
export interface DataDirectory {
  ballast: Ballast;
  unlock: () => void;
}

/** With less free disk than this, the reserve for deletions is released so that the server can start at all. */
const ROOM_TO_START = 4_000_000;

/**
 * Creates the data directory if there is none, and locks it.
 *
 * @throws {DataDirUnusable} when another server holds it, or it cannot be created
 */
export async function takeDataDirectory({ config, log }: Parts): Promise<DataDirectory> {
  makeFolder(config.dataDir, 0o700);
  const ballast = createBallast({
    file: path.join(config.dataDir, 'ballast'),
    freeBytes: () => freeBytes(config.dataDir),
    log,
  });
  // Taking the lock and opening the database take room too.
  if ((await freeBytes(config.dataDir)) < ROOM_TO_START) ballast.release();
  return { ballast, unlock: lockDataDir(config.dataDir) };
}
