import { cp, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { openDatabase } from '../../../../src/queue/sqlite/database.ts';
import { createLog } from '../../../../src/log/log.ts';
import { createSqliteTaskQueue } from '../../../../src/queue/sqlite/sqliteTaskQueue.ts';
import { createTaskEvents } from '../../../../src/tasks/taskEvents.ts';
import { ManualClock } from '../../../support/manualClock.ts';
import { temporaryFolder } from '../../../support/temporaryFolder.ts';

const migrations = path.resolve(import.meta.dirname, '../../../../drizzle');

test('an accepted task survives a loss of power: every commit is forced to the disk', async () => {
  const file = path.join(await temporaryFolder(), 'tasks.db');
  const database = openDatabase(file, migrations);
  expect(database.orm.get('PRAGMA synchronous')).toEqual({ synchronous: 2 });
  expect(database.orm.get('PRAGMA journal_mode')).toEqual({ journal_mode: 'wal' });
  expect(database.orm.get('PRAGMA foreign_keys')).toEqual({ foreign_keys: 1 });
  expect(database.orm.get('PRAGMA journal_size_limit')).toEqual({ journal_size_limit: 64 * 1024 * 1024 });
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
  const queue = createSqliteTaskQueue(database, new ManualClock(), createTaskEvents(createLog('silent')));
  const task = await queue.find('t', null);
  expect(task).toMatchObject({ seq: 1, status: 'completed', completedAt: 9, filesExpiredAt: null });
  const query = { status: 'completed', endedBefore: 10, after: undefined, limit: 10 } as const;
  expect(await queue.expire(query)).toMatchObject([{ taskId: 't' }]);
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

describe('what makes room', () => {
  const full = Object.assign(new Error('full'), { code: 'SQLITE_FULL' });

  const opened = async (makeRoom?: () => boolean) => {
    const database = openDatabase(path.join(await temporaryFolder(), 'tasks.db'), migrations, makeRoom);
    onTestFinished(() => {
      database.close();
    });
    return database;
  };
  /** Finds the disk full so many times. */
  const fullFor = (times: number, error: Error = full) => {
    const body = vi.fn(() => {
      if (body.mock.calls.length <= times) throw error;
      return 'written';
    });
    return body;
  };

  test('is tried once more where some was made, and no further', async () => {
    const makeRoom = vi.fn(() => true);
    const database = await opened(makeRoom);
    await expect(database.writeFreeing(fullFor(0))).resolves.toBe('written');
    expect(makeRoom).not.toHaveBeenCalled();
    await expect(database.writeFreeing(fullFor(1))).resolves.toBe('written');
    expect(makeRoom).toHaveBeenCalledOnce();
    const body = fullFor(2);
    await expect(database.writeFreeing(body)).rejects.toBe(full);
    expect(body).toHaveBeenCalledTimes(2);
  });

  test('is refused where none was made', async () => {
    for (const database of [await opened(() => false), await opened()]) {
      const body = fullFor(1);
      await expect(database.writeFreeing(body)).rejects.toBe(full);
      expect(body).toHaveBeenCalledOnce();
    }
  });

  test('asks for none where the disk is not full', async () => {
    const makeRoom = vi.fn(() => true);
    const other = new Error('SQLITE_IOERR');
    await expect((await opened(makeRoom)).writeFreeing(fullFor(1, other))).rejects.toBe(other);
    expect(makeRoom).not.toHaveBeenCalled();
  });

  test('is lacking from the first refusal for want of it until one write is taken again', async () => {
    const database = await opened();
    expect(database.lacksRoom()).toBe(false);
    await database.write(fullFor(1)).catch(() => undefined);
    await database.write(fullFor(1, new Error('other'))).catch(() => undefined);
    database.orm.get('PRAGMA max_page_count = 1');
    expect(database.lacksRoom()).toBe(true);
    database.orm.get('PRAGMA max_page_count = 100000');
    expect([database.lacksRoom(), database.lacksRoom()]).toEqual([false, false]);
  });

  test('is not said to be lacking where a look at it fails otherwise', async () => {
    const database = openDatabase(path.join(await temporaryFolder(), 'tasks.db'), migrations);
    await database.write(fullFor(1)).catch(() => undefined);
    database.close();
    expect(database.lacksRoom()).toBe(false);
  });
});
