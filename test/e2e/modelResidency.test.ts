/** The real engine: a model that is loaded before any task, freed when nobody wants it, and loaded again. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call, ended, form, parseResults, submit, waitForTask } from '../support/client.ts';
import { makeAudio } from '../support/python.ts';
import { startServerProcess, type ServerProcess } from '../support/serverProcess.ts';

const TEST_MS = 240_000;
const WAIT = { timeout: 90_000, interval: 50 };

let folder: string;
let song: Uint8Array;
let server: ServerProcess;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-songs-'));
  song = await readFile(await makeAudio('wav', path.join(folder, 'song.wav'), { seconds: 2 }));
});
afterAll(async () => {
  await server.end('SIGTERM');
  await rm(folder, { recursive: true, force: true });
  await rm(server.dataDir, { recursive: true, force: true });
});

const logged = (message: string) => server.log.filter((line) => line['msg'] === message);
const loadsByTheEngine = () =>
  logged('worker message').filter((line) => line['line'] === 'the model starter is loaded');
const hashes = async (results: string) =>
  parseResults((await call(server.url + results)).body).stems.map(({ sha256 }) => sha256);

async function separate() {
  const { task_id } = await submit(server.url, form({}, { bytes: song }));
  const task = await waitForTask(server.url, task_id, ended, TEST_MS);
  expect(task.status).toBe('completed');
  return { stems: await hashes(task.links.results), ...logged('an attempt computed its stems').at(-1) };
}

test(
  'the first task finds the preloaded model warm; after a rest it is freed, and the next task gets the same samples',
  async () => {
    server = await startServerProcess({
      settings: { preload_models: ['starter'], model_idle_unload_seconds: '15s' },
    });
    await expect.poll(() => logged('model loaded').length, WAIT).toBe(1);
    expect(logged('model loaded')).toMatchObject([
      { model: 'starter', workerId: 'worker-0', modelLoads: 1, resident: ['starter'] },
    ]);

    const first = await separate();
    expect(first).toMatchObject({ modelLoads: 1 });
    expect(loadsByTheEngine()).toMatchObject([{ taskId: null }]);

    await expect.poll(() => logged('models unloaded').length, WAIT).toBe(1);
    const [unloaded] = logged('models unloaded');
    expect(unloaded).toMatchObject({ workerId: 'worker-0', models: ['starter'] });
    expect(unloaded?.['freedBytes']).toBeGreaterThan(1_000_000);

    const second = await separate();
    expect(second).toMatchObject({ modelLoads: 2, stems: first.stems });
    expect(loadsByTheEngine()).toHaveLength(2);
  },
  TEST_MS,
);
