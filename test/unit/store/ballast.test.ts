import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { isFullDisk } from '../../../src/fullDisk.ts';
import { createBallast, type Ballast } from '../../../src/store/ballast.ts';
import { openDatabase } from '../../../src/store/database.ts';
import { createSqliteTaskStore } from '../../../src/store/sqliteTaskStore.ts';
import { ManualClock } from '../../support/manualClock.ts';
import { newTask } from '../../support/newTask.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

const BYTES = 1_500_000;
const log = { info: vi.fn(), warn: vi.fn() };

let file: string;
let free: number;
let ballast: Ballast;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  file = path.join(await temporaryFolder(), 'ballast');
  free = 10 * BYTES;
  ballast = createBallast({ file, freeBytes: async () => free, log, bytes: BYTES });
});
afterEach(async () => {
  await ballast.stop();
  vi.useRealTimers();
});

test('takes its room, for its owner alone, and gives it once', async () => {
  await ballast.renew();
  const { size, mode } = await stat(file);
  expect([size, mode & 0o077]).toEqual([BYTES, 0]);
  expect([ballast.release(), existsSync(file), ballast.release()]).toEqual([true, false, false]);
});

test('takes nothing where there is little, and takes it by itself when there is more', async () => {
  await ballast.renew();
  ballast.release();
  free = 2 * BYTES;
  await vi.advanceTimersByTimeAsync(2_000);
  await ballast.renew();
  expect(existsSync(file)).toBe(false);
  free = 2 * BYTES + 1;
  await vi.advanceTimersByTimeAsync(2_000);
  await vi.waitFor(async () => {
    expect((await stat(file)).size).toBe(BYTES);
  });
});

test('what makes room is written with it where the disk is full; what takes room is refused as before', async () => {
  let given = 0;
  const database = openDatabase(
    path.join(path.dirname(file), 'tasks.db'),
    path.resolve(import.meta.dirname, '../../../drizzle'),
    () => {
      given += 1;
      database.orm.get('PRAGMA max_page_count = 100000');
      return true;
    },
  );
  const store = createSqliteTaskStore(database, new ManualClock());
  const { taskId } = await store.accept(newTask(), 10);
  database.orm.get('PRAGMA max_page_count = 1');
  const long = newTask({ warnings: ['long '.repeat(4_000)] });
  await expect(store.accept(long, 10)).rejects.toSatisfy(isFullDisk);
  expect(given).toBe(0);
  await database.writeFreeing((tx) => tx.run(`UPDATE tasks SET warnings = '["${'long '.repeat(4_000)}"]'`));
  expect(given).toBe(1);
  expect(await store.markDeleted(taskId, null)).toBeDefined();
  database.close();
});
