import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { call, ended, form, submit, waitForTask } from '../support/client.ts';
import { standInsOf } from '../support/standIn/standIns.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.dispose());

const run = async () => {
  const { task_id } = await submit(server.url, form({}, { bytes: makeWav(0.5, 8000) }));
  return waitForTask(server.url, task_id, ended);
};
const starts = async () => (await standInsOf(server).diary()).filter(({ event }) => event === 'start').length;
const workers = async () =>
  ((await call(`${server.url}/api/v1/metrics`)).body as { workers: { state: string; restarts: number }[] })
    .workers;

test('a worker that leaks is replaced once it rests, at no cost to a task and without being called dead', async () => {
  // Whichever of its first two rests is the one that counts, the growth after it is too much.
  await server.plan('ok', 'leak:5000000000', 'leak:5000000000', 'ok');
  for (let n = 0; n < 3; n += 1) {
    expect(await run()).toMatchObject({ status: 'completed', attempts: 1 });
  }
  await expect.poll(starts, { timeout: 20_000 }).toBe(2);
  await expect.poll(workers, { timeout: 20_000 }).toMatchObject([{ state: 'idle', restarts: 1 }]);
  expect(await run()).toMatchObject({ status: 'completed', attempts: 1 });
  expect(await starts()).toBe(2);
});
