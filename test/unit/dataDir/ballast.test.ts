import { existsSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { isFullDisk } from '../../../src/disk/fullDisk.ts';
import { createBallast, type Ballast } from '../../../src/dataDir/ballast.ts';
import { openDatabase } from '../../../src/queue/sqlite/database.ts';
import { createLog } from '../../../src/log/log.ts';
import { createSqliteTaskQueue } from '../../../src/queue/sqlite/sqliteTaskQueue.ts';
import { createTaskEvents } from '../../../src/tasks/taskEvents.ts';
import { ManualClock } from '../../support/manualClock.ts';
import { newTask } from '../../support/newTask.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { acceptTask } from '../../support/acceptTask.ts';

const BYTES = 1_500_000;
const log = { info: vi.fn(), warn: vi.fn() };

let file: string;
let free: number;
let ballast: Ballast;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  file = path.join(await temporaryFolder(), 'ballast');
  free = 10 * BYTES;
  vi.clearAllMocks();
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

test('takes room that no file system can do without: what it writes cannot be compressed', async () => {
  await ballast.renew();
  const bytes = await readFile(file);
  const pieces = [bytes.subarray(0, 1_000), bytes.subarray(BYTES - 1_000)];
  for (const piece of pieces) expect(new Set(piece).size).toBeGreaterThan(100);
});

test('is taken again at once, and told, where it was given to a deletion', async () => {
  await ballast.renew();
  expect(ballast.release()).toBe(true);
  expect(log.info).toHaveBeenCalledOnce();
  await vi.advanceTimersByTimeAsync(1_999);
  expect(existsSync(file)).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  await ballast.renew();
  expect((await stat(file)).size).toBe(BYTES);
  expect(vi.getTimerCount()).toBe(0);
});

describe('what an earlier run of the server left', () => {
  test('is kept as it is, also where there is no room for more', async () => {
    await writeFile(file, Buffer.alloc(BYTES, 7));
    free = 0;
    await ballast.renew();
    expect((await readFile(file)).every((byte) => byte === 7)).toBe(true);
    expect([vi.getTimerCount(), ballast.release()]).toEqual([0, true]);
  });

  test('can be given before anything was looked at', async () => {
    await writeFile(file, Buffer.alloc(BYTES, 7));
    expect([ballast.release(), existsSync(file)]).toEqual([true, false]);
  });

  test('is made anew where it is of another length', async () => {
    await writeFile(file, Buffer.alloc(BYTES - 1, 7));
    await ballast.renew();
    expect((await stat(file)).size).toBe(BYTES);
  });

  test('or somebody removed is not there to give', async () => {
    expect([ballast.release(), ballast.release()]).toEqual([false, false]);
    expect(log.info).not.toHaveBeenCalled();
  });
});

test('what cannot be set aside is told and tried again, and leaves nothing half-written', async () => {
  const folder = path.join(path.dirname(file), 'later');
  const late = createBallast({
    file: path.join(folder, 'ballast'),
    freeBytes: async () => free,
    log,
    bytes: BYTES,
  });
  await late.renew();
  expect(log.warn.mock.calls).toEqual([
    [{ err: expect.objectContaining({ code: 'ENOENT' }) as unknown }, expect.any(String)],
  ]);
  expect(late.release()).toBe(false);
  await mkdir(folder);
  expect(vi.getTimerCount()).toBe(1);
  await vi.advanceTimersByTimeAsync(2_000);
  await late.renew();
  expect((await stat(path.join(folder, 'ballast'))).size).toBe(BYTES);
  await late.stop();
});

describe('once it is stopped', () => {
  test('nothing is tried any more, and what there is stays', async () => {
    await ballast.renew();
    ballast.release();
    await ballast.stop();
    expect(vi.getTimerCount()).toBe(0);
    await ballast.renew();
    expect(existsSync(file)).toBe(false);
  });

  test('a release is still one, and asks for nothing after it', async () => {
    await ballast.renew();
    await ballast.stop();
    expect([ballast.release(), vi.getTimerCount()]).toEqual([true, 0]);
  });

  test('a taking of room that goes on is over when the stop is, and goes no further', async () => {
    const renewing = ballast.renew();
    await ballast.stop();
    const { size } = await stat(file).catch(() => ({ size: 0 }));
    expect(size).toBeLessThan(BYTES);
    await renewing;
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
  const queue = createSqliteTaskQueue(database, new ManualClock(), createTaskEvents(createLog('silent')));
  const { taskId } = await acceptTask(queue, newTask(), 10);
  database.orm.get('PRAGMA max_page_count = 1');
  const long = newTask({ warnings: ['long '.repeat(4_000)] });
  await expect(acceptTask(queue, long, 10)).rejects.toSatisfy(isFullDisk);
  expect(given).toBe(0);
  await database.writeFreeing((tx) => tx.run(`UPDATE tasks SET warnings = '["${'long '.repeat(4_000)}"]'`));
  expect(given).toBe(1);
  expect(await queue.markDeleted(taskId, null)).toBeDefined();
  database.close();
});
