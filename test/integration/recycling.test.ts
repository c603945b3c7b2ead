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

test('a worker whose memory ran out in two tasks is replaced before the next, though the queue is never empty', async () => {
  const before = await starts();
  await server.plan('short', 'fail:OUT_OF_MEMORY', 'ok');
  const tasks = await Promise.all(
    [1, 2, 3].map(() => submit(server.url, form({}, { bytes: makeWav(0.5, 8000) }))),
  );
  const ends = await Promise.all(tasks.map(({ task_id }) => waitForTask(server.url, task_id, ended)));
  expect(ends.map(({ status, attempts }) => [status, attempts]).toSorted()).toEqual([
    ['completed', 1],
    ['completed', 1],
    ['failed', 1],
  ]);
  const diary = await standInsOf(server).diary();
  expect(diary.filter(({ event }) => event === 'start')).toHaveLength(before + 1);
  const pids = diary
    .filter(({ event }) => event === 'begin')
    .slice(-3)
    .map(({ pid }) => pid);
  expect(pids[1]).toBe(pids[0]);
  expect(pids[2]).not.toBe(pids[1]);
});
