import { cp, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { openDatabase } from '../../../src/store/database.ts';
import { createSqliteTaskStore } from '../../../src/store/sqliteTaskStore.ts';
import { ManualClock } from '../../support/manualClock.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

const migrations = path.resolve(import.meta.dirname, '../../../drizzle');

test('an accepted task survives a loss of power: every commit is forced to the disk', async () => {
  const file = path.join(await temporaryFolder(), 'tasks.db');
  const database = openDatabase(file, migrations);
  expect(database.orm.get('PRAGMA synchronous')).toEqual({ synchronous: 2 });
  expect(database.orm.get('PRAGMA journal_mode')).toEqual({ journal_mode: 'wal' });
  expect(database.orm.get('PRAGMA foreign_keys')).toEqual({ foreign_keys: 1 });
  database.close();
});

test('opening twice migrates once', async () => {
  const file = path.join(await temporaryFolder(), 'tasks.db');
  openDatabase(file, migrations).close();
  const again = openDatabase(file, migrations);
  expect(again.isReachable()).toBe(true);
  again.close();
});

test('a database of the first release keeps its tasks, and may remove their files', async () => {
  const folder = await temporaryFolder();
  const file = path.join(folder, 'tasks.db');
  openDatabase(file, await migrationsUpTo(1, folder)).close();
  const old = new Sqlite(file);
  old.exec(`
    INSERT INTO inputs VALUES ('i', NULL, 'ab', 4, 'song.wav', 'inputs/i/mixture.wav', 'wav', 'pcm_s16le', 10, 44100, 2, NULL, 5);
    INSERT INTO tasks (task_id, input_id, plan, status, attempt, created_at, completed_at)
      VALUES ('t', 'i', '{"v":1,"steps":[{"model":"starter","options":{}}]}', 'completed', 1, 5, 9);
  `);
  old.close();

  const database = openDatabase(file, migrations);
  const store = createSqliteTaskStore(database, new ManualClock());
  const task = await store.find('t', null);
  expect(task).toMatchObject({ seq: 1, status: 'completed', completedAt: 9, filesExpiredAt: null });
  const query = { status: 'completed', endedBefore: 10, after: undefined, limit: 10 } as const;
  expect(await store.expire(query)).toMatchObject([{ taskId: 't' }]);
  database.close();
});

/** The folder of the first so many migrations alone. */
async function migrationsUpTo(howMany: number, folder: string): Promise<string> {
  const early = path.join(folder, 'drizzle');
  await cp(migrations, early, { recursive: true });
  const journalFile = path.join(early, 'meta/_journal.json');
  const journal = JSON.parse(await readFile(journalFile, 'utf8')) as { entries: unknown[] };
  await writeFile(journalFile, JSON.stringify({ ...journal, entries: journal.entries.slice(0, howMany) }));
  return early;
}

test('a closed or damaged database is reported as not reachable', async () => {
  const file = path.join(await temporaryFolder(), 'tasks.db');
  const database = openDatabase(file, migrations);
  const other = new Sqlite(file);
  other.exec('DROP TABLE tasks');
  other.close();
  expect(database.isReachable()).toBe(false);
  database.close();
  expect(database.isReachable()).toBe(false);
});

test('a database whose file is gone is not reachable, though the open file still answers, until it is back', async () => {
  const file = path.join(await temporaryFolder(), 'tasks.db');
  const database = openDatabase(file, migrations);
  await rename(file, `${file}.away`);
  expect(database.isReachable()).toBe(false);
  await rename(`${file}.away`, file);
  expect(database.isReachable()).toBe(true);
  database.close();
});
