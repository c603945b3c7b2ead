import { mkdtemp, rename, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import type { z } from 'zod';
import { healthSchema, metricsSchema } from '../../src/http/openapi/schemas.ts';
import { call, ended, form, submit, waitForTask, type WireTask } from '../support/client.ts';
import { pretendGpus, type PretendedGpus } from '../support/pretendedGpus.ts';
import { parseSamples } from '../support/prometheus.ts';
import { standInsOf } from '../support/standIn/standIns.ts';
import { eventually, passSeconds, stopClocks } from '../support/stoppedClock.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { toldTask } from '../support/toldWorker.ts';
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

test('Property 37: whatever is required is so by itself: the default model, a GPU that was configured, the last worker', async () => {
  /** A server of its own; its devices are broken from the start where they are not there. */
  const startOther = async (settings: Record<string, unknown>, gone: readonly string[] = []) => {
    const dataDir = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-test-'));
    await standInsOf({ dataDir }).breakDevices(gone);
    const other = await startTestServer({ msst_root: msst, ...settings }, dataDir);
    onTestFinished(() => other.dispose());
    return other;
  };
  const isTold = (other: TestServer, status: number, word: string, problem?: RegExp) =>
    vi.waitFor(
      async () => {
        const told = await healthOf(other);
        expect([told.status, told.health.status]).toEqual([status, word]);
        if (problem) expect(told.health.problems.join('\n')).toMatch(problem);
        else expect(told.health.problems).toEqual([]);
        return told.health.dependencies;
      },
      { timeout: 15_000, interval: 25 },
    );

  // A model that was only found is required where it is the default one, by whichever way.
  const byName = await startOther({ default_model_type: SCANNED[1]!.toUpperCase() });
  await isTold(byName, 200, 'healthy');
  await rename(checkpointOf(SCANNED[0]!), `${checkpointOf(SCANNED[0]!)}.away`);
  await isTold(byName, 200, 'degraded', /"scanned-a" is unavailable/);
  await rename(checkpointOf(SCANNED[1]!), `${checkpointOf(SCANNED[1]!)}.away`);
  await isTold(byName, 503, 'unhealthy', /"scanned-b" is unavailable/);
  await repair();
  await isTold(byName, 200, 'healthy');

  // Every worker is down: there is but one.
  await standInsOf(byName).breakDevices(['cpu']);
  process.kill((await standInsOf(byName).diary()).at(-1)?.pid ?? Number.NaN, 'SIGKILL');
  await isTold(byName, 503, 'unhealthy', /Every worker is down/);
  await standInsOf(byName).breakDevices([]);
  await isTold(byName, 200, 'healthy');

  // A GPU that was configured and is not there, beside one that is.
  const lacking = await startOther({ devices: [GPUS[0], 'GPU-gone'] }, ['GPU-gone']);
  const { gpu, workers } = await isTold(lacking, 503, 'unhealthy', /GPU-gone is not in use/);
  expect(gpu).toEqual({ status: 'failed', devices: [GPUS[0], 'GPU-gone'] });
  expect(workers.status).not.toBe('failed');

  // And the server itself, while it stops.
  await standInsOf(byName).hold('separating');
  const { task_id } = await submit(byName.url, form({}, { bytes: song }));
  await waitForTask(byName.url, task_id, (task) => task.progress.stage === 'separating');
  const stopping = byName.stop(20_000);
  await isTold(byName, 503, 'unhealthy', /shutting down/);
  await standInsOf(byName).release();
  await stopping;
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

const END = { completes: 'completed', fails: 'failed', 'is cancelled': 'cancelled' } as const;
/** What happens to a server, in seconds; at the end of a life it is started again, some hours later. */
const happening = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('task' as const),
      how: fc.constantFrom<keyof typeof END>('completes', 'completes', 'fails', 'is cancelled'),
      took: fc.integer({ min: 0, max: 90 }),
      audio: fc.constantFrom(1, 3),
      isQueuedBehind: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), which: fc.nat({ max: 9 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('restart' as const), hours: fc.constantFrom(0, 30, 200) }),
  },
);
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;
const task = (how: keyof typeof END, took: number) =>
  ({ do: 'task', how, took, audio: 1, isQueuedBehind: true }) satisfies Happening;

test('Property 38: every figure of the metrics, in both forms, is what the history says, over deletions, restarts and cleanup', async () => {
  stopClocks();
  let other = await startTestServer();
  onTestFinished(async () => {
    await other.dispose();
    vi.useRealTimers();
  });
  await standInsOf(other).waitToBeTold();
  const ever = { completed: 0, failed: 0, cancelled: 0, seconds: 0 };
  /** The tasks that are known, with how and when they ended. */
  const rows = new Map<string, { status: 'completed' | 'failed' | 'cancelled'; at: number }>();
  const newLife = () => ({ startedAt: Date.now(), tasks: 0, seconds: 0, audio: 0, uploads: 0, bytes: 0 });
  let life = newLife();

  const isTold = (active: number, queued: number) =>
    eventually(async () => {
      const shown = metricsSchema.strict().parse((await call(`${other.url}/api/v1/metrics`)).body);
      const average = ever.completed === 0 ? null : expect.closeTo(ever.seconds / ever.completed, 9);
      expect(shown).toEqual({
        active_tasks: active,
        queued_tasks: queued,
        completed_tasks: ever.completed,
        failed_tasks: ever.failed,
        cancelled_tasks: ever.cancelled,
        average_processing_seconds: average as number | null,
        uptime_seconds: Math.round((Date.now() - life.startedAt) / 1000),
        workers: [{ id: 'worker-0', device: 'cpu', state: active > 0 ? 'busy' : 'idle', restarts: 0 }],
      });
      const accept = { headers: { accept: 'text/plain' } };
      const samples = parseSamples(await (await fetch(`${other.url}/api/v1/metrics`, accept)).text());
      const known = (status: string) => [...rows.values()].filter((row) => row.status === status).length;
      const expected: Record<string, number> = {
        'msst_tasks_total{status="completed"}': ever.completed,
        'msst_tasks_total{status="failed"}': ever.failed,
        'msst_tasks_total{status="cancelled"}': ever.cancelled,
        'msst_tasks{status="pending"}': queued,
        'msst_tasks{status="processing"}': active,
        'msst_tasks{status="completed"}': known('completed'),
        'msst_tasks{status="failed"}': known('failed'),
        'msst_tasks{status="cancelled"}': known('cancelled'),
        'msst_task_duration_seconds_count{model_type="starter"}': life.tasks,
        'msst_task_duration_seconds_sum{model_type="starter"}': life.seconds,
        'msst_audio_seconds_total{}': life.audio,
        'msst_upload_bytes_total{}': life.bytes,
        'msst_http_requests_total{method="POST",route="/api/v1/separate",status="201"}': life.uploads,
        'msst_worker_up{worker="worker-0",device="cpu"}': 1,
        'msst_worker_restarts_total{worker="worker-0"}': 0,
      };
      // A series of labels begins with its first event.
      const found = Object.keys(expected).map((series) => [series, samples.get(series) ?? 0]);
      expect(Object.fromEntries(found)).toEqual(expected);
    });

  const upload = async (audio: number) => {
    const bytes = makeWav(audio, 8000);
    const { task_id } = await submit(other.url, form({}, { bytes }));
    life.uploads += 1;
    life.bytes += bytes.length;
    return task_id;
  };
  const end = (taskId: string, status: (typeof END)[keyof typeof END]) => {
    ever[status] += 1;
    rows.set(taskId, { status, at: Date.now() });
  };
  const cancel = async (taskId: string) => {
    await call(`${other.url}/api/v1/tasks/${taskId}/cancel`, { method: 'POST' });
    end(taskId, 'cancelled');
  };

  const live: { [Kind in Happening['do']]: (what: Extract<Happening, { do: Kind }>) => Promise<void> } = {
    async task({ how, took, audio, isQueuedBehind }) {
      const taskId = await upload(audio);
      const begins = { event: 'begin', task_id: taskId };
      await eventually(async () => {
        expect(await standInsOf(other).diary()).toContainEqual(expect.objectContaining(begins));
      });
      const behind = isQueuedBehind ? await upload(1) : undefined;
      await isTold(1, isQueuedBehind ? 1 : 0);
      if (behind !== undefined) await cancel(behind);
      passSeconds(took);
      await isTold(1, 0);
      const told = toldTask(other, taskId, 1);
      if (how === 'is cancelled') return cancel(taskId);
      await (how === 'completes' ? told.answer() : told.fail('SEPARATION_FAILED'));
      end(taskId, END[how]);
      if (how !== 'completes') return;
      ever.seconds += took;
      life.tasks += 1;
      life.seconds += took;
      life.audio += audio;
    },
    async delete({ which }) {
      const taskId = [...rows.keys()][which % Math.max(1, rows.size)];
      if (taskId === undefined) return;
      expect((await call(`${other.url}/api/v1/tasks/${taskId}`, { method: 'DELETE' })).status).toBe(204);
      rows.delete(taskId);
    },
    async restart({ hours }) {
      await other.stop();
      passSeconds(hours * 3600);
      life = newLife();
      other = await startTestServer({}, other.dataDir);
      for (const [taskId, { at }] of rows) if (Date.now() - at > 7 * 24 * 3_600_000) rows.delete(taskId);
    },
  };
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { minLength: 4, maxLength: 8 }), async (history) => {
      for (const each of history) {
        await live[each.do](each as never);
        await isTold(0, 0);
      }
    }),
    {
      numRuns: 4,
      endOnFailure: true,
      examples: [
        [
          [
            ...[task('completes', 12), task('fails', 50), task('completes', 31), task('is cancelled', 70)],
            ...[{ do: 'delete', which: 0 } as const, { do: 'restart', hours: 30 } as const],
            ...[task('completes', 7), { do: 'restart', hours: 200 } as const],
          ],
        ],
      ],
    },
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
