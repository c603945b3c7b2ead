import os from 'node:os';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { separationBytes } from '../../src/tasks/resources/memoryEstimate.ts';
import { ended, form, submit, waitForTask, type WireTask } from '../support/client.ts';
import { pretendGpus, type PretendedGpus } from '../support/pretendedGpus.ts';
import { mostAtOnce, standInsOf } from '../support/standIn/standIns.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const SECONDS = 10;
const starter = { sampleRate: 44_100, stems: 3, bigshifts: 1 };

let gpus: PretendedGpus;
let server: TestServer;
beforeAll(async () => {
  gpus = await pretendGpus();
  await gpus.set(['GPU-0a', 'GPU-0b', 'GPU-0c']);
  // Memory for two and a half of the songs below.
  vi.spyOn(os, 'totalmem').mockReturnValue((2.5 * separationBytes(starter, SECONDS)) / 0.8);
  server = await startTestServer({ devices: 'auto', max_audio_duration: 60 });
});
afterAll(async () => {
  await server.dispose();
  await gpus.remove();
  vi.restoreAllMocks();
});

const song = (seconds: number) => form({}, { bytes: makeWav(seconds, 8000) });

test('with a worker for each of three tasks, those run together that fit the memory of the host, and all complete', async () => {
  const workers = standInsOf(server);
  const begun = async () => (await workers.diary()).filter(({ event }) => event === 'begin');
  await workers.hold('separating');
  const large: WireTask[] = [];
  for (let n = 0; n < 3; n += 1) large.push(await submit(server.url, song(SECONDS)));
  const small = await submit(server.url, song(1));
  // The third large one is passed by the small one, which fits beside the first two.
  await expect
    .poll(async () => (await begun()).map(({ task_id }) => task_id).sort(), { timeout: 30_000 })
    .toEqual([large[0], large[1], small].map((task) => task?.task_id).sort());
  await workers.release();
  for (const { task_id } of [...large, small]) {
    expect(await waitForTask(server.url, task_id, ended)).toMatchObject({ status: 'completed', attempts: 1 });
  }
  expect((await begun()).at(-1)?.task_id).toBe(large[2]?.task_id);
  expect(mostAtOnce(await workers.diary())).toBe(3);
});

test('a song that could never fit is refused when it comes, also where its length is allowed', async () => {
  const response = await fetch(`${server.url}/api/v1/separate`, { method: 'POST', body: song(30) });
  expect(response.status).toBe(400);
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  expect(error).toMatchObject({
    code: 'AUDIO_TOO_LONG',
    message:
      'The audio is 30 s long; at most 25 s are allowed with the model "starter" and the memory of this server.',
  });
});
