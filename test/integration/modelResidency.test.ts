import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { call, ended, form, parseProblem, submit, waitForTask } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

type Entry = Record<string, unknown>;

const projectRoot = path.resolve(import.meta.dirname, '../..');
/** Two models of the same files: listing them takes them out of the scan. */
const models = ['starter', 'second'].map((name) => ({
  name,
  config_path: path.join(projectRoot, 'configs/config_starter.yaml'),
  checkpoint_path: path.join(projectRoot, 'pretrain/starter.ckpt'),
}));
const song = makeWav(1);

let folder: string;
let server: TestServer;
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-test-'));
});
afterEach(async () => {
  await server.dispose();
  await rm(folder, { recursive: true, force: true });
});

async function start(settings: Entry, ...plan: string[]): Promise<void> {
  const dataDir = path.join(folder, 'data');
  await mkdir(dataDir);
  server = await startTestServer(
    { log_file: 'logs/server.log', models, default_model_type: 'starter', ...settings },
    dataDir,
    plan,
  );
}

/** The lines of the log with one of these messages, so far. */
async function logged(...messages: string[]): Promise<Entry[]> {
  const lines = (await readFile(path.join(folder, 'data/logs/server.log'), 'utf8')).trimEnd().split('\n');
  const entries = lines.map((line) => JSON.parse(line) as Entry);
  return entries.filter((entry) => messages.includes(entry['msg'] as string));
}

/** Polls until there are so many lines of this message. */
async function waitForLines(message: string, count: number): Promise<Entry[]> {
  await expect.poll(async () => (await logged(message)).length, { timeout: 15_000 }).toBe(count);
  return logged(message);
}

async function separate(fields: Record<string, string> = {}) {
  const { task_id } = await submit(server.url, form(fields, { bytes: song }));
  return waitForTask(server.url, task_id, ended);
}

const workers = async () => {
  const { body } = await call(`${server.url}/api/v1/health`);
  return (body as { dependencies: { workers: { workers: Entry[] } } }).dependencies.workers.workers;
};

describe('preload_models', () => {
  test('are loaded when the worker is ready, and a task finds them warm', async () => {
    await start({ preload_models: ['second', 'startr', 'starter'] });
    const loaded = await waitForLines('model loaded', 2);
    expect(loaded).toMatchObject([
      { model: 'second', workerId: 'worker-0', seconds: 0, resident: ['second'] },
      { model: 'starter', workerId: 'worker-0', seconds: 0, resident: ['second', 'starter'] },
    ]);
    expect(await logged('preload_models names an unknown model: it is ignored')).toMatchObject([
      { preload_models: 'startr', didYouMean: 'starter' },
    ]);
    expect((await separate()).status).toBe('completed');
    expect(await logged('an attempt computed its stems')).toMatchObject([{ modelLoads: 2 }]);
    expect((await call(`${server.url}/api/v1/health`)).body).toMatchObject({ status: 'healthy' });
  });

  test('wait for a task that came while one of them was being loaded', async () => {
    const go = path.join(folder, 'go');
    await start({ preload_models: ['second', 'starter'] }, `load:wait:${go}`);
    await waitForLines('preloading a model', 1);
    const { task_id } = await submit(server.url, form({}, { bytes: song }));
    await writeFile(go, '');
    await waitForTask(server.url, task_id, ended);
    await waitForLines('model loaded', 2);
    const order = await logged('preloading a model', 'task status');
    expect(order.map((entry) => entry['model'] ?? entry['status'])).toEqual([
      'second',
      'pending',
      'processing',
      'completed',
      'starter',
    ]);
  });

  test('that cannot be loaded are unavailable from then on, and the others are loaded all the same', async () => {
    await start({ preload_models: ['second', 'starter'] }, 'load:fail:MODEL_UNAVAILABLE');
    await waitForLines('model loaded', 1);
    expect(await logged('a model could not be preloaded')).toMatchObject([
      { model: 'second', workerId: 'worker-0', traceback: 'Traceback: the plan said so' },
    ]);
    const data = form({ model_type: 'second' }, { bytes: song });
    const refused = await call(`${server.url}/api/v1/separate`, { method: 'POST', body: data });
    expect([refused.status, parseProblem(refused.body).error.code]).toEqual([500, 'MODEL_UNAVAILABLE']);
    expect(parseProblem(refused.body).detail).toContain('It failed as the plan says.');
    expect((await separate()).status).toBe('completed');
    expect(await workers()).toMatchObject([{ state: 'idle', restarts: 0 }]);
  });

  test('are loaded again by the worker that follows one that died, and no task is charged with the death', async () => {
    await start({ preload_models: ['starter'] }, 'load:die');
    await waitForLines('model loaded', 1);
    expect(await logged('a worker died')).toMatchObject([{ signal: 'SIGKILL' }]);
    expect(await separate()).toMatchObject({ status: 'completed', attempts: 1 });
    expect(await workers()).toMatchObject([{ restarts: 1 }]);
  });

  test('that kill every worker do not keep tasks from being done', async () => {
    await start({ preload_models: ['second'] }, 'load:die', 'load:die', 'load:die');
    await waitForLines('a model will no longer be preloaded', 1);
    expect(await separate()).toMatchObject({ status: 'completed', attempts: 1 });
    expect(await logged('model loaded')).toEqual([]);
    expect(await workers()).toMatchObject([{ restarts: 2 }]);
  });

  test('do not hold up a stop', async () => {
    await start({ preload_models: ['starter'] }, `load:wait:${path.join(folder, 'never')}`);
    await waitForLines('preloading a model', 1);
    await server.stop();
    expect(await logged('a model could not be preloaded', 'a worker died')).toEqual([]);
  });
});

test('model_idle_unload_seconds frees the models of an idle worker, and the next task loads its own again', async () => {
  // Longer than the scheduler waits between two looks: having been looked at is no use of a worker.
  await start({ preload_models: ['second'], model_idle_unload_seconds: 1.5 });
  expect(await waitForLines('models unloaded', 1)).toMatchObject([
    { workerId: 'worker-0', models: ['second'], freedBytes: 1000 },
  ]);
  for (const round of [2, 3]) {
    expect((await separate()).status).toBe('completed');
    expect((await logged('an attempt computed its stems')).at(-1)).toMatchObject({ modelLoads: round });
    expect((await waitForLines('models unloaded', round)).at(-1)).toMatchObject({ models: ['starter'] });
  }
  expect((await logged('models unloaded')).every((entry) => (entry['idleSeconds'] as number) >= 1.5)).toBe(
    true,
  );
  expect(await workers()).toMatchObject([{ state: 'idle', restarts: 0 }]);
});
