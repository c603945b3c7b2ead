import { mkdtemp, readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { call, ended, form, submit, waitForTask } from '../support/client.ts';
import type { HealthReport } from '../../src/http/openapi/schemas.ts';
import type { Timeouts } from '../../src/workers/health/timeouts.ts';
import { pretendGpus, type PretendedGpus } from '../support/pretendedGpus.ts';
import { standInsOf } from '../support/standIn/standIns.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

vi.setConfig({ testTimeout: 60_000 });

const projectRoot = path.resolve(import.meta.dirname, '../..');
/** Models of the same files: listing them takes them out of the scan. */
const models = ['first', 'second', 'third'].map((name) => ({
  name,
  config_path: path.join(projectRoot, 'configs/config_starter.yaml'),
  checkpoint_path: path.join(projectRoot, 'pretrain/starter.ckpt'),
}));
const song = makeWav(1, 8000);

let gpus: PretendedGpus;
let server: TestServer;
beforeAll(async () => {
  gpus = await pretendGpus();
});
afterAll(() => gpus.remove());
afterEach(() => server.dispose());

async function start(
  uuids: string[],
  settings: Record<string, unknown> = {},
  timeouts?: Partial<Timeouts>,
  dataDir?: string,
): Promise<void> {
  await gpus.set(uuids);
  const given = { devices: 'auto', models, default_model_type: 'first', ...settings };
  server = await startTestServer(given, dataDir, [], timeouts);
  // Else the first that is ready gets whatever comes.
  await expect.poll(workerStates, { timeout: 15_000 }).not.toContain('starting');
}

const workerStates = async () => {
  const { workers } = (await call(`${server.url}/api/v1/metrics`)).body as { workers: { state: string }[] };
  return workers.map(({ state }) => state);
};

const submitSong = async (model_type = 'first') =>
  (await submit(server.url, form({ model_type }, { bytes: song }))).task_id;
const complete = async (...taskIds: string[]) => {
  for (const taskId of taskIds) {
    expect(await waitForTask(server.url, taskId, ended)).toMatchObject({ status: 'completed' });
  }
};
const begun = async () => (await standInsOf(server).diary()).filter(({ event }) => event === 'begin');
/** The devices that a task's attempts began on. */
const devicesOf = async (taskId: string) =>
  (await begun()).filter(({ task_id }) => task_id === taskId).map(({ device }) => device);
const waitUntilBegun = (howMany: number) =>
  expect.poll(async () => (await begun()).length, { timeout: 15_000 }).toBe(howMany);

describe('two GPUs', () => {
  test('get tasks of the model that each has loaded already', async () => {
    await start(['GPU-0a', 'GPU-0b']);
    await standInsOf(server).hold('separating');
    const [one, two] = [await submitSong('first'), await submitSong('second')];
    await waitUntilBegun(2);
    await standInsOf(server).release();
    await complete(one, two);
    const homes = { first: await devicesOf(one), second: await devicesOf(two) };
    expect(homes.first).not.toEqual(homes.second);

    for (const model of ['second', 'first', 'first', 'second', 'second'] as const) {
      const taskId = await submitSong(model);
      await complete(taskId);
      expect(await devicesOf(taskId)).toEqual(homes[model]);
    }
  });

  test('a task whose worker died on one of them is tried again on the other', async () => {
    await start(['GPU-0a', 'GPU-0b']);
    await server.plan('die');
    const taskId = await submitSong();
    await complete(taskId);
    expect(new Set(await devicesOf(taskId)).size).toBe(2);
  });
});

test('a GPU that fails two workers in a row is left alone, the other goes on, health says so, and it comes back by itself', async () => {
  const [A, B] = ['GPU-0a', 'GPU-0b'] as const;
  await start([A, B], {}, { quarantineMs: 3_000 });
  const workers = standInsOf(server);
  const health = async () => (await call(`${server.url}/api/v1/health`)).body as HealthReport;
  const isTold = async () =>
    (await health()).problems.some((problem) => problem.startsWith(`The GPU ${A} failed`));

  await workers.failDevices([A]);
  await workers.hold('separating');
  const first = await submitSong();
  // Its second attempt is held on B: the next task has no choice.
  await expect.poll(() => devicesOf(first), { timeout: 15_000 }).toEqual([A, B]);
  const second = await submitSong();
  await expect.poll(() => devicesOf(second), { timeout: 15_000 }).toEqual([A]);
  await expect.poll(isTold, { timeout: 15_000 }).toBe(true);
  expect(await health()).toMatchObject({ status: 'degraded', dependencies: { gpu: { status: 'degraded' } } });
  const third = await submitSong();
  await workers.release();
  await complete(first, second, third);
  expect([await devicesOf(second), await devicesOf(third)]).toEqual([[A, B], [B]]);

  await workers.failDevices([]);
  await expect
    .poll(
      async () => {
        await workers.hold('separating');
        const both = [await submitSong(), await submitSong()];
        await expect.poll(() => devicesOf(both[0] ?? '')).toHaveLength(1);
        const used = (await Promise.all(both.map(devicesOf))).flat();
        await workers.release();
        await complete(...both);
        return used.includes(A);
      },
      { timeout: 30_000 },
    )
    .toBe(true);
  await expect.poll(health, { timeout: 15_000 }).toMatchObject({ status: 'healthy', problems: [] });
});

describe('two workers on one GPU', () => {
  const GPU = 'GPU-0a';
  const MEMORY = { total: 100, held: 1, peaks: { first: 40, second: 45, third: 50 } };

  /** Starts them on a GPU with that memory; again on the data of the server before, where there was one. */
  async function startSharing(settings: Record<string, unknown> = {}): Promise<void> {
    const dataDir = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-test-'));
    await standInsOf({ dataDir }).giveMemory(MEMORY);
    await start([GPU], { worker_threads: 2, ...settings }, undefined, dataDir);
    await bothIdle();
  }
  async function restart(): Promise<void> {
    const { dataDir } = server;
    await server.stop();
    await start([GPU], { worker_threads: 2 }, undefined, dataDir);
    await bothIdle();
  }
  const bothIdle = () =>
    expect
      .poll(async () => {
        const { body } = await call(`${server.url}/api/v1/metrics`);
        return (body as { workers: object[] }).workers;
      })
      .toMatchObject([
        { device: GPU, state: 'idle' },
        { device: GPU, state: 'idle' },
      ]);
  /** How many run at once when all these are submitted while each is held at its work. */
  async function together(...given: string[]): Promise<number> {
    const workers = standInsOf(server);
    const before = (await begun()).length;
    await workers.hold('separating');
    const taskIds: string[] = [];
    for (const model of given) taskIds.push(await submitSong(model));
    // All may have begun before this looks for the first time.
    await expect.poll(async () => (await begun()).length, { timeout: 15_000 }).toBeGreaterThan(before);
    // Whoever may start has started when a later answer of the server is there, and a poll of its scheduler.
    await expect
      .poll(async () => (await begun()).length - before, { timeout: 2_500, interval: 100 })
      .toBe(given.length)
      .catch(() => undefined);
    const atOnce = (await begun()).length - before;
    await workers.release();
    await complete(...taskIds);
    return atOnce;
  }

  test('run a model alone that was never measured, then together with others that fit, and remember it after a restart', async () => {
    await startSharing();
    expect(await together('first', 'first')).toBe(1);
    expect(await together('first', 'first')).toBe(2);
    // Nobody has measured the second one yet; then it fits beside the first.
    expect(await together('first', 'second')).toBe(1);
    expect(await together('first', 'second')).toBe(2);
    await restart();
    expect(await together('second', 'first')).toBe(2);
  });

  test('never run two models together that do not fit, and both complete', async () => {
    await startSharing();
    await together('second');
    await together('third');
    expect(await together('second', 'third')).toBe(1);
    expect(await together('third', 'second')).toBe(1);
  });

  test('give up the models of the idle one for a task that needs the GPU alone', async () => {
    await startSharing({ log_file: 'server.log' });
    await together('first');
    expect(await together('first', 'first')).toBe(2);
    // Both hold the first model now, and nobody knows what the second one takes.
    expect(await together('second')).toBe(1);
    const lines = (await readFile(path.join(server.dataDir, 'server.log'), 'utf8')).split('\n');
    const unloaded = lines.filter((line) => line.includes('models unloaded for a task on the same GPU'));
    expect(unloaded.map((line) => JSON.parse(line) as object)).toMatchObject([
      { models: ['first'], device: GPU },
    ]);
  });
});

test('five workers on two GPUs are spread evenly over them, each with one GPU to see', async () => {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-test-'));
  await standInsOf({ dataDir }).giveMemory({ total: 100, held: 1, peaks: { first: 25 } });
  await start(['GPU-0a', 'GPU-0b'], { worker_threads: 5 }, undefined, dataDir);
  const learned = [await submitSong()];
  await complete(...learned);
  await standInsOf(server).hold('separating');
  const onB = await submitSong();
  await waitUntilBegun(2);
  const other = await submitSong();
  await waitUntilBegun(3);
  expect((await Promise.all([onB, other].map(devicesOf))).flat().sort()).toEqual(['GPU-0a', 'GPU-0b']);
  await standInsOf(server).release();
  await complete(onB, other);

  await standInsOf(server).hold('separating');
  const all: string[] = [];
  for (let n = 0; n < 6; n += 1) all.push(await submitSong());
  await waitUntilBegun(3 + 5);
  const used = (await begun()).slice(3).map(({ device }) => device);
  expect(used.sort()).toEqual(['GPU-0a', 'GPU-0a', 'GPU-0a', 'GPU-0b', 'GPU-0b']);
  await standInsOf(server).release();
  await complete(...all);
});
