/** A mixture whose staging is stuck, as on a disk that does not answer: in the way of nobody. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test, vi } from 'vitest';
import { createLog } from '../../src/log/log.ts';
import { createMediaPool, MEDIA_TIMEOUTS } from '../../src/workers/media/mediaPool.ts';
import { misbehavingChild } from '../support/childCommand.ts';
import { call, ended, form, getTask, submit, waitForTask } from '../support/client.ts';
import { makeSongs } from '../support/songs.ts';
import { standInsOf } from '../support/standIn/standIns.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';

const projectRoot = path.resolve(import.meta.dirname, '../..');
const servers: TestServer[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(servers.splice(0).map((server) => server.dispose()));
});

/** A server whose media child never lets go of what it stages. */
async function startStuck(): Promise<TestServer> {
  vi.stubEnv('MSST_SERVE_INTERNAL_MEDIA_PYTHON', misbehavingChild().python);
  const server = await startTestServer();
  servers.push(server);
  return server;
}
const stuck = form({}, { bytes: Buffer.from('stage:ignore') });
/** Waits until the media child has begun. */
const isStaging = (server: TestServer, taskId: string) =>
  expect.poll(() => server.stored('tmp')).toContain(`${taskId}.staged`);

test.each([
  ['cancelled', 'POST', '/cancel'],
  ['deleted', 'DELETE', ''],
])('a task that is %s while it is staged is in the way of no other', async (_how, method, route) => {
  const server = await startStuck();
  const { task_id } = await submit(server.url, stuck);
  await isStaging(server, task_id);
  const next = await submit(server.url, form({}, { bytes: Buffer.from('plain') }));
  const answer = await call(`${server.url}/api/v1/tasks/${task_id}${route}`, { method });
  expect(answer.status).toBeLessThan(300);
  // There is one worker, and the grace of the child that is stuck is longer than this test may take.
  expect(await waitForTask(server.url, next.task_id, ended, 8_000)).toMatchObject({ status: 'completed' });
  await expect.poll(() => server.stored('tmp')).toEqual([]);
});

test('the next song is staged while one computes, and no worker waits for it', async () => {
  const server = await startTestServer();
  servers.push(server);
  const songs = await makeSongs(['m4a-aac', 'wav']);
  await standInsOf(server).hold('separating');
  const first = await submit(server.url, form({}, { bytes: songs.wav }));
  const next = await submit(server.url, form({}, { bytes: songs['m4a-aac'] }));
  await expect.poll(() => server.stored(`tmp/${next.task_id}.staged`)).toEqual(['mixture.wav']);
  expect(await getTask(server.url, next.task_id)).toMatchObject({ status: 'pending', queue_position: 1 });
  const preparations = async () =>
    (await standInsOf(server).diary()).filter(({ event }) => event === 'prepare');
  await expect
    .poll(preparations)
    .toMatchObject([
      { params: { mixture_path: path.join(server.dataDir, `tmp/${next.task_id}.staged/mixture.wav`) } },
    ]);
  await standInsOf(server).release();
  for (const { task_id } of [first, next])
    expect(await waitForTask(server.url, task_id, ended)).toMatchObject({ status: 'completed' });
  expect(await server.stored('tmp')).toEqual([]);
});

test('a server that is stopped meanwhile stops at once, and its next life has the task again', async () => {
  const server = await startStuck();
  const { task_id } = await submit(server.url, stuck);
  await isStaging(server, task_id);
  const askedAt = performance.now();
  await server.stop(600_000);
  // A child that does not let go of its file has five seconds.
  expect(performance.now() - askedAt).toBeLessThan(15_000);
  const again = await startTestServer({}, server.dataDir);
  servers.splice(0, servers.length, again);
  expect(['pending', 'processing', 'failed']).toContain((await getTask(again.url, task_id)).status);
});

test('a real child that hangs in the system, reading what never comes, is killed and replaced', async () => {
  const folder = await temporaryFolder();
  const pipe = path.join(folder, 'upload');
  await promisify(execFile)('mkfifo', [pipe]);
  const python =
    process.env['MSST_SERVE_INTERNAL_MEDIA_PYTHON'] ?? path.join(projectRoot, '.venv/bin/python');
  const command = { python, projectRoot, env: { PATH: process.env['PATH'] ?? '' } };
  const timeouts = { ...MEDIA_TIMEOUTS, cancelGraceMs: 50, stopMs: 50 };
  const pool = createMediaPool(command, createLog('silent'), { cores: 2, memoryBytes: 8e9 }, timeouts);
  pool.start();
  const params = {
    ...{ task_id: 't', attempt: 1, path: pipe, container: 'mp4' as const },
    ...{ duration_seconds: 1, output_path: path.join(folder, 'mixture.wav') },
  };
  const [first, second] = [new AbortController(), new AbortController()];
  const both = [first, second].map(({ signal }) => pool.stage(params, signal));
  await expect(pool.probe(path.join(folder, 'nothing'), 'owner')).rejects.toThrow();
  first.abort();
  await expect(both[0]).rejects.toMatchObject({ kind: 'CANCELLED' });
  second.abort();
  await expect(both[1]).rejects.toMatchObject({ kind: 'CANCELLED' });
  await pool.stop();
});
