import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { ended, form, submit, waitForTask } from '../support/client.ts';
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

async function start(uuids: string[], settings: Record<string, unknown> = {}): Promise<void> {
  await gpus.set(uuids);
  server = await startTestServer({ devices: 'auto', models, default_model_type: 'first', ...settings });
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
