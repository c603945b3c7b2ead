import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  call,
  ended,
  form,
  getTask,
  parseProblem,
  parseResults,
  submit,
  waitForTask,
} from '../support/client.ts';
import { ownServerHours, passHours } from '../support/serverHours.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

const song = makeWav(1);

beforeEach(ownServerHours);
afterEach(() => {
  vi.useRealTimers();
});

async function start(settings: Record<string, unknown>, dataDir?: string): Promise<TestServer> {
  const server = await startTestServer(settings, dataDir);
  onTestFinished(() => server.dispose());
  return server;
}

const submitSong = ({ url }: TestServer) => submit(url, form({}, { bytes: song, name: 'song.wav' }));

async function problemAt(url: string) {
  const answer = await call(url);
  const code = answer.status < 400 ? null : parseProblem(answer.body).error.code;
  return [answer.status, code];
}

/** A pass that still runs when its next hour comes lets that one go by: so another hour passes at every look. */
function afterAnHour(url: string) {
  passHours(1);
  return problemAt(url);
}

describe('the results of a completed task', () => {
  test('say until when they are kept, are then answered with 410, later with 404, and leave an empty disk', async () => {
    const server = await start({
      cleanup_retention_hours: 2,
      failed_retention_hours: 2,
    });
    const api = `${server.url}/api/v1`;
    const { task_id } = await submitSong(server);
    const task = await waitForTask(server.url, task_id, ended);
    const results = parseResults((await call(`${api}/tasks/${task_id}/results`)).body);
    expect(Date.parse(results.expires_at) - Date.parse(task.completed_at ?? '')).toBe(2 * 3_600_000);
    const [stem] = results.stems;
    const download = server.url + (stem?.url ?? '');
    passHours(1.9);
    expect((await fetch(download)).status).toBe(200);

    await expect.poll(() => afterAnHour(`${api}/tasks/${task_id}/results`)).toEqual([410, 'RESULTS_EXPIRED']);
    expect(await problemAt(download)).toEqual([410, 'RESULTS_EXPIRED']);
    expect(await problemAt(`${api}/download/${task_id}/none.wav`)).toEqual([404, 'FILE_NOT_FOUND']);
    expect(await getTask(server.url, task_id)).toEqual(task);

    passHours(160);
    await expect.poll(() => afterAnHour(`${api}/tasks/${task_id}/results`)).toEqual([404, 'TASK_NOT_FOUND']);
    expect(await problemAt(`${api}/tasks/${task_id}`)).toEqual([404, 'TASK_NOT_FOUND']);
    expect(await problemAt(download)).toEqual([404, 'FILE_NOT_FOUND']);
    for (const folder of ['inputs', 'results', 'tmp']) {
      await expect.poll(() => server.stored(folder)).toEqual([]);
    }
  });

  test('go at the next start when their time passed while no server ran; the task can be deleted then', async () => {
    const first = await startTestServer({});
    const { task_id } = await submitSong(first);
    await waitForTask(first.url, task_id, ended);
    const failing = await submitFailing(first);
    await first.stop();

    passHours(25);
    const server = await start({}, first.dataDir);
    const task = `${server.url}/api/v1/tasks/${task_id}`;
    await expect.poll(() => problemAt(`${task}/results`)).toEqual([410, 'RESULTS_EXPIRED']);
    for (const folder of ['inputs', 'results']) await expect.poll(() => server.stored(folder)).toEqual([]);
    expect(await problemAt(`${server.url}/api/v1/tasks/${failing}/results`)).toEqual([410, 'TASK_FAILED']);
    expect((await call(task, { method: 'DELETE' })).status).toBe(204);
    expect(await problemAt(task)).toEqual([404, 'TASK_NOT_FOUND']);
  });
});

/** A task that has failed, by its id. */
async function submitFailing(server: TestServer): Promise<string> {
  await server.plan('fail:SEPARATION_FAILED');
  const { task_id } = await submitSong(server);
  expect((await waitForTask(server.url, task_id, ended)).status).toBe('failed');
  return task_id;
}

test('a task that waits or runs is untouched by every pass, and ends as it would have', async () => {
  const server = await start({});
  await server.plan('hang');
  const running = await submitSong(server);
  const waiting = await submitSong(server);
  // A cancelled one that came after them is cleaned: so passes have been over all three.
  const cancelled = await submitSong(server);
  await waitForTask(server.url, running.task_id, (task) => task.progress.stage === 'separating');
  await call(`${server.url}/api/v1/tasks/${cancelled.task_id}/cancel`, { method: 'POST' });
  passHours(200);
  await expect
    .poll(async () => {
      passHours(1);
      return (await server.stored('inputs')).length;
    })
    .toBe(2);
  expect((await getTask(server.url, running.task_id)).status).toBe('processing');
  expect((await getTask(server.url, waiting.task_id)).status).toBe('pending');

  await call(`${server.url}/api/v1/tasks/${running.task_id}/cancel`, { method: 'POST' });
  const done = await waitForTask(server.url, waiting.task_id, ended);
  expect(done).toMatchObject({ status: 'completed', input: { sha256: sha256(song) } });
});

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
