import { existsSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { drizzle, type BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import { isFullDisk } from '../fullDisk.ts';
import { applyMigrations } from './migrations.ts';
import { createWrite, type Write } from './transaction.ts';

/** An open database and the one way to close it. */
export interface Database {
  orm: BetterSQLite3Database;
  /** Runs one writing transaction. */
  write: Write;
  /** The same for what makes room: where the disk has none for it, `makeRoom` is asked for some, and it is tried again. */
  writeFreeing: Write;
  /** Whether its file is where it was and a read comes back: for the health report. */
  isReachable(): boolean;
  /** Whether the last write found the disk full, and one that is tried now does so too: for the health report. */
  lacksRoom(): boolean;
  close(): void;
}

/** A name as long as the row of a task, so that it takes room as one does. */
const TRIAL = 'is there room? '.repeat(1_000);

/**
 * Opens the SQLite file, creating and migrating it as needed.
 *
 * @param file where the database lies, on a local disk: WAL does not work over a network file system
 * @param migrationsDir the folder of SQL migrations
 * @param makeRoom says whether it made some
 * @throws {NewerDatabase} where a newer server has changed the tables
 */
export function openDatabase(
  file: string,
  migrationsDir: string,
  makeRoom: () => boolean = () => false,
): Database {
  // A busy database blocks the event loop for as long as it waits; this process is its only writer.
  const sqlite = new Sqlite(file, { timeout: 1000 });
  sqlite.pragma('journal_mode = WAL');
  // better-sqlite3 defaults to NORMAL in WAL mode, which may lose accepted tasks when the power goes.
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
        // A file that was removed under us still answers, and takes all it is told with it.
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
        // Any other trouble is not told here.
        foundNoRoom = isFullDisk(error);
      }
      return foundNoRoom;
    },
    close: () => sqlite.close(),
  };
}
