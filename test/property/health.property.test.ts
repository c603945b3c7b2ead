import { mkdtemp, rename, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { z } from 'zod';
import { healthSchema, metricsSchema } from '../../src/http/schemas.ts';
import { call, ended, form, submit, waitForTask, type WireTask } from '../support/client.ts';
import { pretendGpus, type PretendedGpus } from '../support/pretendedGpus.ts';
import { standInsOf } from '../support/standIn/standIns.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';
import { makeCheckpoint, makeYaml, putFile } from '../unit/models/modelFolder.ts';

// Every run starts servers and workers, which takes its time beside other tests.
vi.setConfig({ testTimeout: 90_000 });

type Health = z.output<typeof healthSchema>;

const GPUS = ['GPU-0a', 'GPU-0b'];
const SCANNED = ['scanned-a', 'scanned-b'];
const LISTED = ['listed-a', 'listed-b'];
const song = makeWav(1, 8000);

let gpus: PretendedGpus;
let msst: string;
/** Two GPUs, two models that it lists and two that it finds beside the starter. */
let server: TestServer;

beforeAll(async () => {
  gpus = await pretendGpus();
  await gpus.set(GPUS);
  msst = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-health-'));
  for (const name of SCANNED) {
    await putFile(path.join(msst, `configs/config_${name}.yaml`), makeYaml({ modelType: 'mdx23c' }));
    await putFile(checkpointOf(name), makeCheckpoint());
  }
  for (const name of LISTED) {
    await putFile(path.join(msst, `listed/${name}.yaml`), makeYaml({ modelType: 'mdx23c' }));
    await putFile(checkpointOf(name), makeCheckpoint());
  }
  server = await startTestServer({
    devices: 'auto',
    msst_root: msst,
    models: LISTED.map((name) => ({
      name,
      config_path: path.join(msst, `listed/${name}.yaml`),
      checkpoint_path: checkpointOf(name),
    })),
  });
});
beforeEach(() => repair());
afterAll(async () => {
  await server.dispose();
  await gpus.remove();
  await rm(msst, { recursive: true, force: true });
});

const checkpointOf = (name: string) =>
  path.join(msst, name.startsWith('listed') ? 'listed' : 'pretrain', `${name}.ckpt`);

async function healthOf({ url }: TestServer = server): Promise<{ status: number; health: Health }> {
  const { status, body } = await call(`${url}/api/v1/health`);
  return { status, health: healthSchema.parse(body) };
}

/** Waits until the workers are as they should be: starting and dying take their time. */
async function workersSettle(broken: readonly string[]): Promise<void> {
  const asTheyShould = async () => {
    const { workers } = (await healthOf()).health.dependencies.workers;
    for (const { device, state } of workers) {
      expect([device, state]).toEqual([device, broken.includes(device) ? 'down' : 'idle']);
    }
  };
  await vi.waitFor(asTheyShould, { timeout: 15_000, interval: 25 });
}

/** What is wrong in one situation. */
interface Trouble {
  models: readonly string[];
  database: boolean;
  gpus: readonly string[];
}
const someModels = (names: readonly string[]) => fc.subarray([...names]);

async function inflict({ models, database, gpus: broken }: Trouble): Promise<void> {
  for (const name of models) await rename(checkpointOf(name), `${checkpointOf(name)}.away`);
  if (database) await rename(databaseFile(), `${databaseFile()}.away`);
  if (broken.length > 0) await breakWorkers(broken);
}

async function breakWorkers(devices: readonly string[]): Promise<void> {
  await standInsOf(server).breakDevices(devices);
  const latest = new Map((await standInsOf(server).diary()).map(({ device, pid }) => [device, pid]));
  for (const device of devices) process.kill(latest.get(device) ?? Number.NaN, 'SIGKILL');
  await workersSettle(devices);
}

/** Every worker does a task: after that, its next death is the first of a row, and its next start comes at once. */
async function letAllWork(): Promise<void> {
  await standInsOf(server).hold('separating');
  const tasks: WireTask[] = [];
  for (const _ of GPUS) tasks.push(await submit(server.url, form({}, { bytes: song })));
  for (const { task_id } of tasks)
    await waitForTask(server.url, task_id, (task) => task.status === 'processing');
  await standInsOf(server).release();
  for (const { task_id } of tasks) await waitForTask(server.url, task_id, ended);
  await workersSettle([]);
}

async function repair(): Promise<void> {
  for (const file of [...SCANNED.map(checkpointOf), ...LISTED.map(checkpointOf), databaseFile()]) {
    await rename(`${file}.away`, file).catch(() => undefined);
  }
  await standInsOf(server).breakDevices([]);
  await standInsOf(server).release();
  await workersSettle([]);
}

const databaseFile = () => path.join(server.dataDir, 'tasks.db');

/** How a task may end that harms nothing. */
const fate = fc.constantFrom('completed' as const, 'failed' as const, 'cancelled' as const);

/** Holds each part of a report against what was done to it. */
function expectTold({ status, health }: { status: number; health: Health }, trouble: Trouble): void {
  const { database, gpu, models, workers, disk } = health.dependencies;
  expect(database).toEqual({ status: trouble.database ? 'failed' : 'ok' });
  expect(gpu).toEqual({ status: trouble.gpus.length > 0 ? 'failed' : 'ok', devices: GPUS });
  const listedGone = trouble.models.some((name) => LISTED.includes(name));
  expect(models).toMatchObject({
    status: listedGone ? 'failed' : trouble.models.length > 0 ? 'degraded' : 'ok',
    available: 1 + SCANNED.length + LISTED.length - trouble.models.length,
  });
  expect(models.unavailable.map((model) => model.model_type).sort()).toEqual([...trouble.models].sort());
  for (const { reason } of models.unavailable) expect(reason).toBe('its checkpoint is missing');
  expect(workers.workers.map(({ device, state }) => [device, state === 'down'])).toEqual(
    GPUS.map((device) => [device, trouble.gpus.includes(device)]),
  );
  expect(disk).toEqual({ status: 'ok', free_bytes: expect.any(Number) as number, minimum_bytes: 1e6 });
  expect(health.uptime_seconds).toBeGreaterThanOrEqual(0);

  const isUnhealthy = trouble.database || listedGone || trouble.gpus.length > 0;
  const expected = isUnhealthy ? 'unhealthy' : trouble.models.length > 0 ? 'degraded' : 'healthy';
  expect([health.status, status]).toEqual([expected, isUnhealthy ? 503 : 200]);
  for (const name of [...trouble.models, ...trouble.gpus]) expect(health.problems.join()).toContain(name);
  expect(health.problems.length > 0).toBe(expected !== 'healthy');
}

test('Property 34: while everything works, health is answered with 200 and healthy, whatever tasks there were and are', async () => {
  const allIsWell = async () => {
    expectTold(await healthOf(), { models: [], database: false, gpus: [] });
  };
  await fc.assert(
    fc.asyncProperty(fc.array(fate, { maxLength: 3 }), fc.nat({ max: 4 }), async (ends, running) => {
      for (const end of ends) await makeEnded(end);
      await allIsWell();
      await standInsOf(server).hold('separating');
      const tasks: WireTask[] = [];
      for (let n = 0; n < running; n += 1) tasks.push(await submit(server.url, form({}, { bytes: song })));
      await allIsWell();
      await standInsOf(server).release();
      for (const { task_id } of tasks) await waitForTask(server.url, task_id, ended);
      await allIsWell();
    }),
    { numRuns: 4, endOnFailure: true },
  );
});

test('Property 35: health names the database, the disk, the GPUs, the models and the workers, each with its own state', async () => {
  const trouble = fc.record<Trouble>({
    models: someModels([...SCANNED, ...LISTED]),
    database: fc.boolean(),
    // Each death makes the next start of that worker come later.
    gpus: fc.constantFrom([], [], [], GPUS.slice(0, 1)),
  });
  await fc.assert(
    fc.asyncProperty(trouble, async (each) => {
      await inflict(each);
      const isTold = async () => {
        expectTold(await healthOf(), each);
      };
      // A broken worker is tried again now and then, and then starting for a moment.
      await (each.gpus.length > 0 ? vi.waitFor(isTold, { timeout: 10_000 }) : isTold());
      await repair();
      if (each.gpus.length > 0) await letAllWork();
      expectTold(await healthOf(), { models: [], database: false, gpus: [] });
    }),
    { numRuns: 6, endOnFailure: true },
  );
});

test('Property 36: less free disk than configured, 10 GB by default, or a found model that is gone, is degraded and still 200', async () => {
  await fc.assert(
    fc.asyncProperty(someModels(SCANNED), async (models) => {
      await inflict({ models, database: false, gpus: [] });
      expectTold(await healthOf(), { models, database: false, gpus: [] });
      await repair();
    }),
    { numRuns: 4, endOnFailure: true },
  );

  const free = (await healthOf()).health.dependencies.disk.free_bytes;
  // Other programs write to this disk meanwhile: what is wanted lies well to one side of what there is.
  const wanted = fc.oneof(
    fc.constant(undefined),
    fc.integer({ min: Math.ceil(free * 1.1), max: Math.ceil(free * 1000) }),
    fc.integer({ min: 1, max: Math.floor(free * 0.9) }),
  );
  await fc.assert(
    fc.asyncProperty(wanted, async (bytes) => {
      const other = await startTestServer({ min_free_disk: bytes });
      try {
        await expect.poll(async () => (await healthOf(other)).health.dependencies.workers.status).toBe('ok');
        const { status, health } = await healthOf(other);
        const minimum = bytes ?? 10e9;
        const isLow = health.dependencies.disk.free_bytes < minimum;
        expect(isLow).toBe(free < minimum);
        expect(health.dependencies.disk).toMatchObject({
          status: isLow ? 'degraded' : 'ok',
          minimum_bytes: minimum,
        });
        expect([status, health.status]).toEqual([200, isLow ? 'degraded' : 'healthy']);
        expect(health.problems).toHaveLength(isLow ? 1 : 0);
      } finally {
        await other.dispose();
      }
    }),
    { numRuns: 4, endOnFailure: true },
  );
});

test('Property 37: a required model, the database or a GPU that cannot be used is unhealthy and 503, until it is back', async () => {
  const trouble = fc
    .record<Trouble>({
      models: someModels([...SCANNED, ...LISTED]),
      database: fc.boolean(),
      gpus: fc.constantFrom([], [], [], GPUS.slice(1)),
    })
    .filter(
      ({ models, database, gpus: broken }) =>
        database || broken.length > 0 || models.some((name) => LISTED.includes(name)),
    );
  await fc.assert(
    fc.asyncProperty(trouble, async (each) => {
      await inflict(each);
      const isTold = async () => {
        const { status, health } = await healthOf();
        expect([status, health.status]).toEqual([503, 'unhealthy']);
      };
      await (each.gpus.length > 0 ? vi.waitFor(isTold, { timeout: 10_000 }) : isTold());
      await repair();
      expect((await healthOf()).status).toBe(200);
      if (each.gpus.length > 0) await letAllWork();
    }),
    { numRuns: 6, endOnFailure: true },
  );
});

test('Property 38: the metrics count active, queued, completed, failed and cancelled tasks and their average time, whatever happened', async () => {
  const before = metricsSchema.parse((await call(`${server.url}/api/v1/metrics`)).body);
  const total = { completed: 0, failed: 0, cancelled: 0 };
  const times: number[] = [];
  const sumBefore = (before.average_processing_seconds ?? 0) * before.completed_tasks;

  const situation = fc.record({
    ends: fc.array(fate, { maxLength: 4 }),
    running: fc.nat({ max: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(situation, async ({ ends, running }) => {
      for (const end of ends) {
        const done = await makeEnded(end);
        total[end] += 1;
        if (end === 'completed') times.push(done.processing_seconds ?? Number.NaN);
      }
      await standInsOf(server).hold('separating');
      const open: WireTask[] = [];
      for (let n = 0; n < running; n += 1) open.push(await submit(server.url, form({}, { bytes: song })));
      const active = Math.min(running, GPUS.length);
      for (const { task_id } of open.slice(0, active)) {
        await waitForTask(server.url, task_id, (task) => task.status === 'processing');
      }

      const counted = metricsSchema.strict().parse((await call(`${server.url}/api/v1/metrics`)).body);
      const completed = before.completed_tasks + total.completed;
      const sum = times.reduce((all, each) => all + each, sumBefore);
      expect(counted).toMatchObject({
        active_tasks: active,
        queued_tasks: running - active,
        completed_tasks: completed,
        failed_tasks: before.failed_tasks + total.failed,
        cancelled_tasks: before.cancelled_tasks + total.cancelled,
        average_processing_seconds: completed === 0 ? null : (expect.closeTo(sum / completed, 6) as number),
      });
      expect(counted.uptime_seconds).toBeGreaterThanOrEqual(before.uptime_seconds);
      expect(counted.workers.map(({ device }) => device)).toEqual(GPUS);
      expect(counted.workers.filter(({ state }) => state === 'busy')).toHaveLength(active);

      await standInsOf(server).release();
      for (const { task_id } of open) {
        const done = await waitForTask(server.url, task_id, ended);
        expect(done.status).toBe('completed');
        total.completed += 1;
        times.push(done.processing_seconds ?? Number.NaN);
      }
    }),
    { numRuns: 6, endOnFailure: true },
  );
});

async function makeEnded(end: 'completed' | 'failed' | 'cancelled'): Promise<WireTask> {
  await server.plan(end === 'failed' ? 'fail:SEPARATION_FAILED' : 'ok');
  if (end === 'cancelled') await standInsOf(server).hold('separating');
  const { task_id } = await submit(server.url, form({}, { bytes: song }));
  if (end === 'cancelled') {
    await call(`${server.url}/api/v1/tasks/${task_id}/cancel`, { method: 'POST' });
    await standInsOf(server).release();
  }
  const task = await waitForTask(server.url, task_id, ended);
  expect(task.status).toBe(end);
  // Its worker lets go a moment after a cancel.
  await workersSettle([]);
  return task;
}
