import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import Sqlite from 'better-sqlite3';

const HOUR_MS = 3_600_000;

/**
 * Every step of every task, written by SQLite itself in the transaction that takes it: whatever is killed when,
 * this and the tables tell the same story, or something is wrong.
 */
const DIARY = `
  CREATE TABLE diary (n INTEGER PRIMARY KEY, task_id TEXT, filename TEXT, before TEXT, after TEXT, seconds REAL);
  CREATE TRIGGER diary_accepted AFTER INSERT ON tasks BEGIN
    INSERT INTO diary (task_id, filename, after) VALUES
      (NEW.task_id, (SELECT filename FROM inputs WHERE input_id = NEW.input_id), NEW.status);
  END;
  CREATE TRIGGER diary_moved AFTER UPDATE OF status ON tasks BEGIN
    INSERT INTO diary (task_id, before, after, seconds) VALUES
      (NEW.task_id, OLD.status, NEW.status, NEW.processing_seconds);
  END;
  CREATE TRIGGER diary_erased AFTER DELETE ON tasks BEGIN
    INSERT INTO diary (task_id, before) VALUES (OLD.task_id, OLD.status);
  END;
  CREATE TABLE event_diary (n INTEGER PRIMARY KEY, owner TEXT, number INTEGER, task_id TEXT, type TEXT, attempt INTEGER);
  CREATE TRIGGER event_diary_written AFTER INSERT ON events BEGIN
    INSERT INTO event_diary (owner, number, task_id, type, attempt) VALUES
      (NEW.owner, NEW.number, NEW.task_id, NEW.type, NEW.attempt);
  END;
`;

/**
 * Makes an empty database with its diary, to be copied for every run.
 *
 * @param {string} projectRoot
 * @param {string} file
 */
export async function makeTemplate(projectRoot, file) {
  const { openDatabase } = await import(
    pathToFileURL(path.join(projectRoot, 'dist/queue/sqlite/database.js')).href
  );
  openDatabase(file, path.join(projectRoot, 'drizzle')).close();
  const sqlite = new Sqlite(file);
  sqlite.exec(DIARY);
  // All of it in the one file that is copied.
  sqlite.pragma('wal_checkpoint(TRUNCATE)');
  sqlite.close();
}

/**
 * @param {string} template
 * @param {string} dataDir
 */
export const copyTemplate = (template, dataDir) => copyFile(template, path.join(dataDir, 'tasks.db'));

/**
 * @param {string} dataDir
 * @template T
 * @param {(sqlite: Sqlite.Database) => T} use
 * @returns {T}
 */
export function withDatabase(dataDir, use) {
  const sqlite = new Sqlite(path.join(dataDir, 'tasks.db'), { timeout: 5_000 });
  try {
    return use(sqlite);
  } finally {
    sqlite.close();
  }
}

/**
 * Dates an ended task back, so that the next start takes its files, or all of it.
 *
 * @param {string} dataDir of a server that does not run
 * @param {{ which: number, what: 'files' | 'row' }} expiry
 * @param {readonly string[]} known the tasks among which it chooses
 * @returns {string | undefined} the task, if any had ended
 */
export function expire(dataDir, { which, what }, known) {
  return withDatabase(dataDir, (sqlite) => {
    const ended = /** @type {string[]} */ (
      sqlite
        .prepare(
          `SELECT task_id FROM tasks WHERE completed_at IS NOT NULL AND deleted_at IS NULL ORDER BY seq`,
        )
        .pluck()
        .all()
    ).filter((id) => known.includes(id));
    const taskId = ended[which % ended.length];
    if (taskId === undefined) return undefined;
    const ageMs = (what === 'files' ? 48 : 200) * HOUR_MS;
    sqlite.prepare('UPDATE tasks SET completed_at = completed_at - ? WHERE task_id = ?').run(ageMs, taskId);
    return taskId;
  });
}

/**
 * What became of the tasks, also of those that are gone.
 *
 * @param {string} dataDir
 * @returns {{ completed: number, failed: number, 'of it poison': number, cancelled: number, erased: number }}
 */
export function countEnds(dataDir) {
  return withDatabase(dataDir, (sqlite) => {
    const steps = (/** @type {string} */ where) =>
      /** @type {number} */ (sqlite.prepare(`SELECT count(*) FROM diary WHERE ${where}`).pluck().get());
    return {
      completed: steps("after = 'completed'"),
      failed: steps("after = 'failed'"),
      // The one failure of which nobody knows how long it took.
      'of it poison': steps("after = 'failed' AND seconds IS NULL"),
      cancelled: steps("after = 'cancelled'"),
      erased: steps('after IS NULL'),
    };
  });
}
