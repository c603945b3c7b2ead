import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { createLog } from '../../../../src/log/log.ts';
import { openDatabase } from '../../../../src/queue/sqlite/database.ts';
import { openDataFolder } from '../../../support/dataFolder.ts';
import { NewerDatabase } from '../../../../src/queue/sqlite/migrations.ts';
import { createSqliteTaskQueue } from '../../../../src/queue/sqlite/sqliteTaskQueue.ts';
import { recover } from '../../../../src/retention/recovery.ts';
import { createTaskEvents } from '../../../../src/tasks/taskEvents.ts';
import { ManualClock } from '../../../support/manualClock.ts';
import { temporaryFolder } from '../../../support/temporaryFolder.ts';
import { claim } from '../../../support/claim.ts';

const migrations = path.resolve(import.meta.dirname, '../../../../drizzle');
const fixtures = path.resolve(import.meta.dirname, '../../../fixtures/data-directories');

describe.each(await readdir(fixtures))(
  'the data directory %s, as a killed server of that time left it',
  (name) => {
    test('is opened: its tasks and their files are there, what ran is queued again, and new tasks are taken', async () => {
      const dataDir = await temporaryFolder();
      execFileSync('tar', ['xzf', path.join(fixtures, name), '-C', dataDir]);
      const file = path.join(dataDir, 'tasks.db');
      const before = rowsOf(file);
      const database = openDatabase(file, migrations);
      expect(rowsOf(file)).toEqual({
        ...before,
        attempts: before.attempts.map((row) => ({ ...row, step: 0 })),
      });
      const log = createLog('silent');
      const queue = createSqliteTaskQueue(database, new ManualClock(), createTaskEvents(log));
      const files = openDataFolder(dataDir);
      await recover({ queue, blobs: files, workspace: files.workspace, log });

      const tasks = await queue.page({ owner: null, status: undefined, before: undefined, limit: 100 });
      const count = (status: string) => tasks.filter((task) => task.status === status).length;
      expect(['completed', 'failed', 'cancelled', 'processing', 'pending'].map(count)).toEqual([
        4, 1, 1, 0, 2,
      ]);
      for (const task of tasks) {
        expect(await files.size(task.mixture.storageKey)).toBe(task.mixture.bytes);
        const stems = await queue.stemsOf(task);
        expect(stems.length > 0).toBe(task.status === 'completed');
        for (const { storageKey, bytes } of stems) expect(await files.size(storageKey)).toBe(bytes);
      }
      expect(await queue.findByKey('kept-key', null)).toMatchObject({ status: 'completed' });
      expect(await queue.totals()).toMatchObject({ completed: 4, failed: 1, cancelled: 1 });
      expect(await claim(queue)).toMatchObject({ attempt: 2 });
      database.close();
    });
  },
);

/** What the queue knows of attempts and their stems. */
function rowsOf(file: string) {
  const sqlite = new Sqlite(file);
  const rows = (table: string, order: string) =>
    sqlite.prepare<[], Record<string, unknown>>(`SELECT * FROM ${table} ORDER BY ${order}`).all();
  const all = { attempts: rows('attempts', 'task_id, attempt'), stems: rows('stems', 'storage_key') };
  sqlite.close();
  expect([all.attempts.length, all.stems.length]).not.toContain(0);
  return all;
}

test('a database that a newer server has changed is left as it is, and whose it is is said', async () => {
  const file = path.join(await temporaryFolder(), 'tasks.db');
  openDatabase(file, migrations).close();
  const newer = new Sqlite(file);
  newer.exec("INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('x', 9999999999999)");
  newer.close();
  expect(() => openDatabase(file, migrations)).toThrow(NewerDatabase);
  expect(() => openDatabase(file, migrations)).toThrow(
    `The queue in ${path.dirname(file)} was last used by a newer msst-serve, with changes that this version does not know (1 migrations). Start the newer version, or use another data_dir.`,
  );
});
