import { afterEach, expect, test, vi } from 'vitest';
import { ended, form, submit, waitForTask } from '../support/client.ts';
import { standInsOf } from '../support/standIn/standIns.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

vi.setConfig({ testTimeout: 60_000 });

let server: TestServer;
afterEach(async () => {
  await server.dispose();
});

const submitSong = () => submit(server.url, form({}, { bytes: makeWav(0.5) }));

test('the next song is decoded ahead, and not once more when the worker died over it', async () => {
  server = await startTestServer();
  const workers = standInsOf(server);
  const prepared = async () => (await workers.diary()).filter(({ event }) => event === 'prepare');
  await workers.hold('separating');
  const songs = [await submitSong(), await submitSong()];
  await expect.poll(prepared, { timeout: 20_000 }).toHaveLength(1);
  const pid = (await prepared())[0]?.pid ?? -1;

  process.kill(pid, 'SIGKILL');
  const begun = async () => (await workers.diary()).filter(({ event }) => event === 'begin');
  await expect.poll(begun, { timeout: 20_000 }).toHaveLength(2);
  await workers.release();
  const ends = [];
  for (const { task_id } of songs) ends.push(await waitForTask(server.url, task_id, ended));
  expect(ends.map(({ status, attempts }) => [status, attempts])).toEqual([
    ['completed', 2],
    ['completed', 1],
  ]);
  expect(await prepared()).toHaveLength(1);
});
