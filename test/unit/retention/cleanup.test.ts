import { mkdir, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isNull } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createLog, type Log } from '../../../src/log/log.ts';
import {
  cleanupInterval,
  cleanUp,
  createCleanup,
  type CleanupParts,
} from '../../../src/retention/cleanup.ts';
import type { BlobStore } from '../../../src/blobs/blobStore.ts';
import type { ScratchFolders } from '../../../src/blobs/workspace.ts';
import { openDataFolder, type DataFolder } from '../../support/dataFolder.ts';
import { events, inputs, tasks } from '../../../src/queue/sqlite/schema.ts';
import type { Task } from '../../../src/tasks/task.ts';
import type { TaskStatus } from '../../../src/tasks/taskState.ts';
import { taskAt } from '../../support/agedTask.ts';
import { newMixture, newTask } from '../../support/newTask.ts';
import { openQueueOnDisk, type QueueOnDisk } from '../../support/queueOnDisk.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { acceptTask } from '../../support/acceptTask.ts';

const HOUR = 3_600_000;
const RETENTION = { completedMs: 24 * HOUR, failedMs: 12 * HOUR, metadataMs: 168 * HOUR };

let disk: QueueOnDisk;
let root: string;
let files: DataFolder;
beforeEach(async () => {
  disk = await openQueueOnDisk();
  root = await temporaryFolder();
  files = openDataFolder(root);
});
afterEach(() => disk.dispose());

function parts(
  given: Partial<Omit<CleanupParts, 'blobs' | 'workspace'>> & {
    blobs?: Partial<BlobStore>;
    scratch?: Partial<ScratchFolders>;
  } = {},
): CleanupParts {
  return {
    queue: disk.queue,
    running: { has: () => false },
    isOpenUpload: () => false,
    retention: RETENTION,
    clock: disk.clock,
    log: createLog('silent'),
    ...given,
    blobs: { ...files, ...given.blobs },
    workspace: { scratch: { ...files.workspace.scratch, ...given.scratch } },
  };
}

const pass = (given: Parameters<typeof parts>[0] = {}) => cleanUp(parts(given), new AbortController().signal);

/** A task of this status, with its files, that ended so many hours ago. */
const aged = (status: TaskStatus, hours: number): Promise<Task> => taskAt(disk, files, status, hours * HOUR);

/** What is left of it: whether its row, its upload and its output are there. */
async function left({ taskId, mixture }: Task) {
  return {
    row: (await disk.queue.find(taskId, null)) !== undefined,
    upload: (await files.size(mixture.storageKey)) !== undefined,
    output: (await files.list(`results/${taskId}`)).length > 0,
  };
}
const ALL = { row: true, upload: true, output: true };
const ROW_ONLY = { row: true, upload: false, output: false };
const NOTHING = { row: false, upload: false, output: false };

/** A folder of files that was last written to so many hours ago by the test's clock. */
async function folderOfAge(key: string, hours: number): Promise<void> {
  const folder = path.join(root, key);
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'file'), 'x');
  const at = (disk.clock.now() - hours * HOUR) / 1000;
  await utimes(folder, at, at);
}

/** Something to wait for. */
function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return {
    opened,
    open: () => {
      open();
    },
  };
}

/** Tasks without files that ended in one moment, a day and an hour ago. */
async function manyCompleted(howMany: number): Promise<void> {
  const { orm } = disk.database;
  await aged('completed', 25);
  const [{ seq, ...task }] = orm.select().from(tasks).all() as [typeof tasks.$inferSelect];
  const [input] = orm.select().from(inputs).all() as [typeof inputs.$inferSelect];
  const ids = Array.from({ length: howMany - 1 }, (_, n) => `${String(seq)}-${String(n)}`);
  orm.transaction((tx) => {
    for (const id of ids) {
      tx.insert(inputs)
        .values({ ...input, inputId: id })
        .run();
      tx.insert(tasks)
        .values({ ...task, taskId: id, inputId: id })
        .run();
    }
  });
}

const notRemoved = () =>
  disk.database.orm.select().from(tasks).where(isNull(tasks.filesRemovedAt)).all().length;

describe('a task', () => {
  test('that is completed for longer than its files are kept loses them, and keeps its row and what it says', async () => {
    const old = await aged('completed', 25);
    const young = await aged('completed', 23);
    await pass();
    expect(await left(old)).toEqual(ROW_ONLY);
    expect(await left(young)).toEqual(ALL);
    expect(await disk.queue.find(old.taskId, null)).toEqual({
      ...old,
      filesExpiredAt: disk.clock.now(),
      version: old.version + 1,
    });
    expect(await disk.queue.find(young.taskId, null)).toEqual(young);
  });

  test.each(['failed', 'cancelled'] as const)('that is %s has a time of its own', async (status) => {
    const old = await aged(status, 13);
    const young = await aged(status, 11);
    await pass();
    expect(await left(old)).toEqual(ROW_ONLY);
    expect(await left(young)).toEqual(ALL);
  });

  test.each(['completed', 'failed', 'cancelled'] as const)(
    'that is %s is forgotten once its row is old enough, files and all, also where no pass removed them before',
    async (status) => {
      const old = await aged(status, 169);
      await pass();
      expect(await left(old)).toEqual(NOTHING);
      expect(await files.list('inputs')).toEqual([]);
      expect(await disk.queue.hasInput(old.mixture.inputId)).toBe(false);
    },
  );

  test('is kept up to the very end of its time', async () => {
    const task = await aged('completed', 24);
    await pass();
    expect(await left(task)).toEqual(ALL);
    disk.clock.advance(1);
    await pass();
    expect(await left(task)).toEqual(ROW_ONLY);
  });

  test.each(['pending', 'processing'] as const)(
    'that is %s is never touched, however old',
    async (status) => {
      const task = await aged(status, 10_000);
      await pass();
      expect(await left(task)).toEqual(ALL);
      expect(await disk.queue.find(task.taskId, null)).toEqual(task);
    },
  );

  test('whose time passed while no server ran is cleaned at the next start', async () => {
    const task = await aged('completed', 1);
    disk.reopen();
    disk.clock.advance(24 * HOUR);
    await pass();
    expect(await left(task)).toEqual(ROW_ONLY);
  });

  test('says that its files are gone before they go', async () => {
    const old = await aged('completed', 25);
    const said: unknown[] = [];
    const remove: BlobStore['remove'] = async (key) => {
      said.push((await disk.queue.find(old.taskId, null))?.filesExpiredAt);
      await files.remove(key);
    };
    await pass({ blobs: { remove } });
    expect(said).toEqual([disk.clock.now(), disk.clock.now()]);
  });

  test('that was cancelled waits for its worker to let go of its files', async () => {
    const task = await aged('cancelled', 13);
    await pass({ running: { has: (taskId) => taskId === task.taskId } });
    expect(await left(task)).toEqual(ALL);
    await pass();
    expect(await left(task)).toEqual(ROW_ONLY);
  });

  test('that lost its files can still be deleted', async () => {
    const task = await aged('completed', 25);
    await pass();
    expect(await disk.queue.markDeleted(task.taskId, null)).toBeDefined();
    await disk.queue.erase(task.taskId);
    expect(await left(task)).toEqual(NOTHING);
  });
});

describe('a file that cannot be removed', () => {
  test.each([
    { hours: 25, after: ROW_ONLY },
    { hours: 169, after: NOTHING },
  ])('does not stop the rest, and is tried again ($hours h)', async ({ hours, after }) => {
    const [stuck, other] = [await aged('completed', hours + 1), await aged('completed', hours)];
    const remove: BlobStore['remove'] = async (key) => {
      if (key.includes(stuck.mixture.inputId)) throw new Error('EPERM');
      await files.remove(key);
    };
    await pass({ blobs: { remove } });
    expect(await left(other)).toEqual(after);
    expect(await left(stuck)).toMatchObject({ upload: true });
    await pass();
    expect(await left(stuck)).toEqual(after);
  });

  test('does not make a pass endless, also where whole pages are stuck', async () => {
    await manyCompleted(205);
    let tried = 0;
    const remove: BlobStore['remove'] = async () => {
      tried += 1;
      throw new Error('EROFS');
    };
    await pass({ blobs: { remove } });
    expect([tried, notRemoved()]).toEqual([205, 205]);
    await pass();
    expect(notRemoved()).toBe(0);
  });

  test('and a database that does not answer end neither the pass nor the server', async () => {
    const task = await aged('failed', 13);
    const expire: CleanupParts['queue']['expire'] = async (query) => {
      if (query.status === 'completed') throw new Error('SQLITE_FULL');
      return disk.queue.expire(query);
    };
    await pass({ queue: { ...disk.queue, expire } });
    expect(await left(task)).toEqual(ROW_ONLY);
  });
});

test('a task that was deleted while it waited and could not be erased then goes with the next pass', async () => {
  const waiting = await aged('pending', 0);
  await disk.queue.markDeleted(waiting.taskId, null);
  await pass({ running: { has: () => true } });
  expect(await left(waiting)).toMatchObject({ upload: true });
  await pass();
  expect(await left(waiting)).toEqual(NOTHING);
  expect(await disk.queue.markedDeleted()).toEqual([]);
});

test.each(['expire', 'retire'] as const)(
  'on a disk too full to be told, what is due is removed first, and told then: %s',
  async (mark) => {
    const task = await aged('completed', mark === 'expire' ? 25 : 169);
    const young = await aged('completed', 23);
    const full = Object.assign(new Error('full'), { code: 'SQLITE_FULL' });
    const queue = {
      ...disk.queue,
      async [mark](query: never) {
        if ((await left(task)).output) throw full;
        return disk.queue[mark](query);
      },
    };
    await pass({ queue });
    expect(await left(task)).toEqual(mark === 'expire' ? ROW_ONLY : NOTHING);
    expect(await left(young)).toEqual(ALL);
  },
);

describe('on a disk too full for a mark', () => {
  test('a cancelled task still waits for its worker to let go of its files', async () => {
    const task = await aged('cancelled', 13);
    const full = Object.assign(new Error('full'), { code: 'SQLITE_FULL' });
    const queue = { ...disk.queue, expire: () => Promise.reject(full) };
    await pass({ queue, running: { has: (taskId) => taskId === task.taskId } });
    expect(await left(task)).toEqual(ALL);
  });

  test('and only there, files go before it: what failed for another reason is left for the next pass', async () => {
    const task = await aged('completed', 25);
    const expire = vi.fn(disk.queue.expire).mockRejectedValueOnce(new Error('SQLITE_IOERR'));
    await pass({ queue: { ...disk.queue, expire } });
    expect(await left(task)).toEqual(ALL);
    await pass();
    expect(await left(task)).toEqual(ROW_ONLY);
  });
});

describe('the log', () => {
  /** The facts of every line of a pass, with its level. */
  async function linesOf(given: Parameters<typeof parts>[0] = {}) {
    const lines: Record<string, unknown>[] = [];
    const keep = (level: string) => (facts: object) => void lines.push({ level, ...facts });
    const log = { debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') };
    await pass({ log: log as unknown as Log, ...given });
    return lines;
  }
  const idle = (step: string) => ({ level: 'debug', step, removed: 0, failed: 0 });

  test('remembers that a task was deleted for as long as it would remember the task, however many there are', async () => {
    const others = 250;
    for (let n = 0; n <= others; n += 1) {
      const { taskId } = await acceptTask(disk.queue, newTask(), 1_000);
      await disk.queue.markDeleted(taskId, null);
      await disk.queue.erase(taskId);
    }
    const kept = () => disk.database.orm.select().from(events).all().length;
    disk.clock.advance(RETENTION.metadataMs);
    await pass();
    expect(kept()).toBe(others + 1);
    disk.clock.advance(1);
    await pass();
    // The next event is numbered from the newest.
    expect(kept()).toBe(1);
  });

  test('says of each step what it removed, and only aloud where there was something', async () => {
    await aged('completed', 169);
    await aged('completed', 26);
    await aged('completed', 25);
    for (const folder of ['inputs', 'results', 'tmp']) await folderOfAge(`${folder}/old.1`, 2);
    expect(await linesOf()).toEqual([
      { level: 'info', step: 'tasks', removed: 1, failed: 0 },
      { level: 'info', step: 'files of completed tasks', removed: 2, failed: 0 },
      idle('files of failed tasks'),
      idle('files of cancelled tasks'),
      idle('deleted tasks'),
      idle('events'),
      { level: 'info', step: 'orphans', removed: 3, failed: 0 },
    ]);
  });

  test('says what could not be removed, and why', async () => {
    const task = await aged('failed', 13);
    for (const folder of ['inputs', 'results', 'tmp']) await folderOfAge(`${folder}/old.1`, 2);
    const err = new Error('EPERM');
    const remove = () => Promise.reject(err);
    expect(
      (await linesOf({ blobs: { remove }, scratch: { remove } })).filter(({ level }) => level !== 'debug'),
    ).toEqual([
      { level: 'warn', taskId: task.taskId, err },
      { level: 'info', step: 'files of failed tasks', removed: 0, failed: 1 },
      { level: 'warn', key: 'inputs/old.1', err },
      { level: 'warn', key: 'results/old.1', err },
      { level: 'warn', key: 'scratch/old.1', err },
      { level: 'info', step: 'orphans', removed: 0, failed: 3 },
    ]);
  });

  test('says which step the database did not answer', async () => {
    const err = new Error('SQLITE_IOERR');
    const queue = { ...disk.queue, markedDeleted: () => Promise.reject(err) };
    expect((await linesOf({ queue })).filter(({ level }) => level !== 'debug')).toEqual([
      { level: 'error', step: 'deleted tasks', err },
    ]);
  });
});

describe('what no row names', () => {
  test('goes after an hour without a write, and not before', async () => {
    for (const folder of ['inputs', 'results', 'tmp']) {
      await folderOfAge(`${folder}/old.1`, 1.1);
      await folderOfAge(`${folder}/young.1`, 0.9);
    }
    await pass();
    for (const folder of ['inputs', 'results', 'tmp']) expect(await files.list(folder)).toEqual(['young.1']);
  });

  test('stays while it is an open upload, however long that takes', async () => {
    await folderOfAge('inputs/slow', 100);
    await pass({ isOpenUpload: (inputId) => inputId === 'slow' });
    expect(await files.list('inputs')).toEqual(['slow']);
    await pass();
    expect(await files.list('inputs')).toEqual([]);
  });

  test('stays where an upload becomes a task while it is looked at', async () => {
    const mixture = newMixture();
    await folderOfAge(`inputs/${mixture.inputId}`, 100);
    let open = true;
    const modifiedAt: BlobStore['modifiedAt'] = async (key) => {
      // The sweep has read the folder's age; now the row is committed and the upload closed.
      const at = await files.modifiedAt(key);
      await acceptTask(disk.queue, newTask({ mixture }), 10);
      open = false;
      return at;
    };
    await pass({ blobs: { modifiedAt }, isOpenUpload: () => open });
    expect(await files.list('inputs')).toEqual([mixture.inputId]);
  });

  test('stays while an attempt uses it', async () => {
    await folderOfAge('results/running', 100);
    await folderOfAge('tmp/running.12', 100);
    await folderOfAge('tmp/ended.12', 100);
    await pass({ running: { has: (taskId) => taskId === 'running' } });
    expect(await files.list('results')).toEqual(['running']);
    expect(await files.list('tmp')).toEqual(['running.12']);
  });

  test('cannot be removed: the rest is, and it is tried again', async () => {
    await folderOfAge('inputs/a', 2);
    await folderOfAge('inputs/b', 2);
    const remove: BlobStore['remove'] = async (key) => {
      if (key === 'inputs/a') throw new Error('EPERM');
      await files.remove(key);
    };
    await pass({ blobs: { remove } });
    expect(await files.list('inputs')).toEqual(['a']);
    await pass();
    expect(await files.list('inputs')).toEqual([]);
  });
});

test('of many tasks none is forgotten, and no transaction marks more than a hundred', async () => {
  await manyCompleted(250);
  const sizes: number[] = [];
  const expire: CleanupParts['queue']['expire'] = async (query) => {
    const page = await disk.queue.expire(query);
    if (query.status === 'completed') sizes.push(page.length);
    return page;
  };
  await pass({ queue: { ...disk.queue, expire } });
  expect(sizes).toEqual([100, 100, 50]);
  expect(notRemoved()).toBe(0);
});

describe('the cleanup', () => {
  test('begins at once, goes on after every interval, and stops within a pass', async () => {
    let passes = 0;
    const retire: CleanupParts['queue']['retire'] = async (query) => {
      passes += 1;
      return disk.queue.retire(query);
    };
    const queue = { ...disk.queue, retire };
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const cleanup = createCleanup(parts({ queue }), 5);
    cleanup.start();
    expect(passes).toBe(1);
    while (passes < 5) {
      vi.advanceTimersByTime(5);
      await new Promise(setImmediate);
    }
    await cleanup.stop();
    const before = passes;
    vi.advanceTimersByTime(5_000);
    expect(passes).toBe(before);
  });

  test('ends after the task it is at; the rest stays for the next start', async () => {
    const [first, second] = [await aged('completed', 26), await aged('completed', 25)];
    const removing = gate();
    const goOn = gate();
    const remove: BlobStore['remove'] = async (key) => {
      removing.open();
      await goOn.opened;
      await files.remove(key);
    };
    const cleanup = createCleanup(parts({ blobs: { remove } }), HOUR);
    cleanup.start();
    await removing.opened;
    const stopped = cleanup.stop();
    goOn.open();
    await stopped;
    expect(await left(first)).toEqual(ROW_ONLY);
    expect(await left(second)).toEqual(ALL);
    await pass();
    expect(await left(second)).toEqual(ROW_ONLY);
  });

  test('asks for nothing more once it is stopped, and sweeps nothing more', async () => {
    await folderOfAge('inputs/a', 2);
    await folderOfAge('inputs/b', 2);
    const stopping = new AbortController();
    const remove: BlobStore['remove'] = async (key) => {
      await files.remove(key);
      stopping.abort();
    };
    await cleanUp(parts({ blobs: { remove } }), stopping.signal);
    expect(await files.list('inputs')).toHaveLength(1);
    const retire = vi.fn(disk.queue.retire);
    await cleanUp(parts({ queue: { ...disk.queue, retire } }), stopping.signal);
    expect(retire).not.toHaveBeenCalled();
  });

  test('comes every hour, and more often only where something is kept for less', () => {
    expect(cleanupInterval(RETENTION)).toBe(HOUR);
    expect(cleanupInterval({ ...RETENTION, failedMs: 60_000 })).toBe(60_000);
    expect(cleanupInterval({ ...RETENTION, completedMs: 1 })).toBe(1000);
  });
});
