/** A real disk that is filled to its last byte: what makes room goes on, what takes it is refused. */
import { readdir, rm, stat, statfs } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call, ended, form, submit, waitForTask } from '../support/client.ts';
import { projectRoot, startServerProcess, type ServerProcess } from '../support/serverProcess.ts';
import { makeSmallDisk, smallDiskMissing, type SmallDisk } from '../support/smallDisk.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { makeWav } from '../support/wav.ts';

const missing = smallDiskMissing();
if (missing) console.warn(`the tests of a full disk are skipped: ${missing}`);

const song = makeWav(2);
let disk: SmallDisk;
let server: ServerProcess;

beforeAll(async () => {
  if (missing) return;
  disk = await makeSmallDisk(path.join(os.tmpdir(), `msst-serve-disk-${String(process.pid)}`), '24m');
});
afterAll(async () => {
  if (missing) return;
  await server.end('SIGKILL');
  await disk.dispose();
});

const start = async (settings: Record<string, unknown> = {}) => {
  const [command, ...args] = disk.enter;
  server = await startServerProcess({
    // Not on the disk, for it is written before the server starts.
    dataDir: await temporaryFolder(),
    settings: { data_dir: path.join(disk.mountPoint, 'data'), ...settings },
    env: {
      MSST_SERVE_INTERNAL_ENGINE_PYTHON: path.join(projectRoot, 'test/support/standIn/worker.mjs'),
    },
    command: [command, ...args, process.execPath, 'dist/main.js'],
  });
};
const data = (name: string) => path.join(disk.path, 'data', name);
const task = (id: string) => `${server.url}/api/v1/tasks/${id}`;
const freeBytes = async () => {
  const { bavail, bsize } = await statfs(disk.path);
  return bavail * bsize;
};
const complete = async () => {
  const { task_id } = await submit(server.url, form({}, { bytes: song }));
  expect(await waitForTask(server.url, task_id, ended)).toMatchObject({ status: 'completed' });
  return task_id;
};

test.skipIf(missing)(
  'on a disk filled to the last byte uploads are 507, deletions make room, and a start lets old files go',
  async () => {
    await start();
    const [first, second, third, old] = [
      await complete(),
      await complete(),
      await complete(),
      await complete(),
    ];
    await expect.poll(async () => (await stat(data('ballast'))).size).toBeGreaterThan(1e6);

    // The first deletion has the room that was set aside; the second, that of its task's upload.
    for (const [filler, id] of [
      ['first', first],
      ['second', second],
    ] as const) {
      disk.fill(filler);
      expect(await freeBytes()).toBe(0);
      const refused = await call(`${server.url}/api/v1/separate`, {
        method: 'POST',
        body: form({}, { bytes: song }),
      });
      expect(refused).toMatchObject({ status: 507, body: { error: { code: 'INSUFFICIENT_STORAGE' } } });
      expect((await call(task(id), { method: 'DELETE' })).status).toBe(204);
      expect((await call(task(id))).status).toBe(404);
      await expect.poll(() => readdir(data('results'))).not.toContain(id);
      expect(await freeBytes()).toBeGreaterThan(0);
    }

    // With room again it is as before, and the room is set aside anew.
    for (const filler of ['first', 'second']) await rm(path.join(disk.path, filler));
    await expect
      .poll(async () => (await stat(data('ballast')).catch(() => undefined))?.size, { timeout: 15_000 })
      .toBeGreaterThan(1e6);
    await server.end('SIGTERM');

    disk.fill('again');
    await start({ cleanup_retention_hours: 0.000_001, failed_retention_hours: 0.000_001 });
    await expect.poll(async () => (await call(`${task(old)}/results`)).status).toBe(410);
    for (const id of [third, old]) await expect.poll(() => readdir(data('results'))).not.toContain(id);
    expect(await freeBytes()).toBeGreaterThan(0);
    expect(server.log.filter(({ msg }) => msg === 'the server could not start')).toEqual([]);
  },
  60_000,
);

test.skipIf(missing)('a new data directory is its owner’s alone, and so is every file in it', async () => {
  const modes = new Map<string, number>();
  for (const name of ['', ...(await readdir(data(''), { recursive: true }))])
    modes.set(name, (await stat(data(name))).mode & 0o077);
  expect([...modes.keys()]).toEqual(expect.arrayContaining(['tasks.db', 'tasks.db-wal', 'logs/server.log']));
  expect([...modes].filter(([, mode]) => mode !== 0)).toEqual([]);
});
