import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { DataDirUnusable } from './dataDir.ts';

/** Another server is using this data directory. */
export class DataDirInUse extends DataDirUnusable {
  override readonly name = 'DataDirInUse';
}

/**
 * Locks the data directory for this process. The lock is an exclusive transaction on a second SQLite file: the
 * kernel releases it when the process ends, however it ends.
 *
 * @returns a function that releases the lock
 * @throws {DataDirInUse} when another process holds it
 */
export function lockDataDir(dataDir: string): () => void {
  const sqlite = new Sqlite(path.join(dataDir, 'lock.db'), { timeout: 0 });
  try {
    sqlite.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    sqlite.close();
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error;
    throw new DataDirInUse(
      `Another server is running on ${dataDir}. Stop it, or give this one a data_dir of its own.`,
    );
  }
  return () => sqlite.close();
}
