import { existsSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { drizzle, type BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import { isFullDisk } from '../../disk/fullDisk.ts';
import { applyMigrations } from './migrations.ts';
import { createWrite, type Write } from './transaction.ts';

/** An open database. */
export interface Database {
  orm: BetterSQLite3Database;
  /** Runs one writing transaction. */
  write: Write;
  /** Like `write`, for transactions that free space: if the disk is full, calls `makeRoom` and retries once. */
  writeFreeing: Write;
  /** Whether the database file still exists and can be read; for the health report. */
  isReachable(): boolean;
  /** Whether a write found the disk full and a trial write still fails for that reason; for the health report. */
  lacksRoom(): boolean;
  close(): void;
}

/** Name of the trial row: as long as a task's row, so that it needs as much space. */
const TRIAL = 'is there room? '.repeat(1_000);

/**
 * Opens the SQLite database, creating and migrating it as needed.
 *
 * @param file path of the database on a local disk: WAL does not work over a network file system
 * @param migrationsDir the folder of SQL migrations
 * @param makeRoom frees disk space; returns whether it did
 * @throws {NewerDatabase} when a newer server has migrated the tables
 */
export function openDatabase(
  file: string,
  migrationsDir: string,
  makeRoom: () => boolean = () => false,
): Database {
  // Waiting for a busy database blocks the event loop; this process is the only writer.
  const sqlite = new Sqlite(file, { timeout: 1000 });
  sqlite.pragma('journal_mode = WAL');
  // better-sqlite3 defaults to NORMAL in WAL mode, which can lose accepted tasks in a power failure.
  sqlite.pragma('synchronous = FULL');
  sqlite.pragma('foreign_keys = ON');
  sqlite.pragma('journal_size_limit = 67108864');
  const orm = drizzle(sqlite);
  try {
    applyMigrations(sqlite, orm, migrationsDir);
  } catch (error) {
    sqlite.close();
    throw error;
  }
  const ping = sqlite.prepare('SELECT count(*) FROM tasks WHERE seq = 0');
  let foundNoRoom = false;
  const writeOnce = createWrite(orm);
  const write: Write = (body) =>
    writeOnce(body).catch((error: unknown) => {
      foundNoRoom ||= isFullDisk(error);
      throw error;
    });
  const tryWriting = sqlite.transaction(() => {
    sqlite.prepare('INSERT INTO counters (name, value) VALUES (?, 0)').run(TRIAL);
    sqlite.prepare('DELETE FROM counters WHERE name = ?').run(TRIAL);
  });
  return {
    orm,
    write,
    writeFreeing: (body) =>
      write(body).catch((error: unknown) => {
        if (isFullDisk(error) && makeRoom()) return write(body);
        throw error;
      }),
    isReachable() {
      try {
        ping.get();
        // A deleted but open file still answers reads, and everything written to it is lost.
        return existsSync(file);
      } catch {
        return false;
      }
    },
    lacksRoom() {
      if (!foundNoRoom) return false;
      try {
        tryWriting();
        foundNoRoom = false;
      } catch (error) {
        // Other errors are not reported here.
        foundNoRoom = isFullDisk(error);
      }
      return foundNoRoom;
    },
    close: () => sqlite.close(),
  };
}
