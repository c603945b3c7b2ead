import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { openDatabase } from '../../../src/store/database.ts';
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
