import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { call, ended, form, submit, waitForTask } from '../support/client.ts';
import type { HealthReport } from '../../src/http/health.ts';
import type { Patience } from '../../src/worker/patience.ts';
import { pretendGpus, type PretendedGpus } from '../support/pretendedGpus.ts';
import { standInsOf } from '../support/standIn/standIns.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

vi.setConfig({ testTimeout: 60_000 });

const projectRoot = path.resolve(import.meta.dirname, '../..');
/** Models of the same files: listing them takes them out of the scan. */
const models = ['first', 'second'].map((name) => ({
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
  patience?: Partial<Patience>,
): Promise<void> {
  await gpus.set(uuids);
  const given = { devices: 'auto', models, default_model_type: 'first', ...settings };
  server = await startTestServer(given, undefined, [], patience);
}

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
