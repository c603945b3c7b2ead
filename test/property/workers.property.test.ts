import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { call, ended, form, getTask, submit, waitForTask, type WireTask } from '../support/client.ts';
import { pretendGpus, type PretendedGpus } from '../support/pretendedGpus.ts';
import { mostAtOnce, standInsOf } from '../support/standIn/standIns.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

// Every run starts servers and workers, which takes its time beside other tests.
vi.setConfig({ testTimeout: 90_000 });

const song = makeWav(0.5, 8000);

let gpus: PretendedGpus;
beforeAll(async () => {
  gpus = await pretendGpus();
});
afterAll(() => gpus.remove());

const uuid = fc.uuid().map((id) => `GPU-${id}`);
const uuids = (most: number) => fc.uniqueArray(uuid, { minLength: 2, maxLength: most });

/** Runs the body against a server of its own. */
async function withServer(
  settings: Record<string, unknown>,
  body: (server: TestServer) => Promise<void>,
): Promise<void> {
  const server = await startTestServer(settings);
  try {
    await body(server);
  } finally {
    await server.dispose();
  }
}

async function submitMany({ url }: TestServer, howMany: number): Promise<WireTask[]> {
  const tasks: WireTask[] = [];
  for (let n = 0; n < howMany; n += 1) tasks.push(await submit(url, form({}, { bytes: song })));
  return tasks;
}

/** How many tasks are computed, or wait for their model, at this moment. */
async function computing({ url }: TestServer): Promise<number> {
  const { tasks } = (await call(`${url}/api/v1/tasks?limit=200`)).body as { tasks: WireTask[] };
  return tasks.filter(({ progress: { stage } }) => stage === 'loading_model' || stage === 'separating')
    .length;
}

const completeAll = async ({ url }: TestServer, tasks: readonly WireTask[]) => {
  const done: WireTask[] = [];
  for (const { task_id } of tasks) done.push(await waitForTask(url, task_id, ended));
  for (const task of done) expect(task.status).toBe('completed');
  return done;
};

const begun = async (server: TestServer) =>
  (await standInsOf(server).diary()).filter((entry) => entry.event === 'begin');

const devicesOf = async ({ url }: TestServer) => {
  const { workers } = (await call(`${url}/api/v1/metrics`)).body as { workers: { device: string }[] };
  return workers.map((worker) => worker.device);
};

/**
 * Submits while every call is held in turn at both of the stages that count, and then lets all run through.
 *
 * @returns the most that were seen computing at one moment, by the API and by the workers themselves
 */
async function mostComputing(server: TestServer, howMany: number, expected: number) {
  const workers = standInsOf(server);
  let seen = 0;
  const look = async () => (seen = Math.max(seen, await computing(server)));
  await workers.hold('loading_model');
  const tasks = await submitMany(server, howMany);
  await expect.poll(look, { timeout: 10_000 }).toBeGreaterThanOrEqual(expected);
  await workers.hold('separating');
  await expect.poll(async () => (await begun(server)).length, { timeout: 10_000 }).toBe(expected);
  await look();
  await workers.release();
  for (const { task_id } of tasks) {
    await waitForTask(server.url, task_id, ended);
    await look();
  }
  await completeAll(server, tasks);
  return { seen, noted: mostAtOnce(await workers.diary()) };
}

test('Property 45: tasks are spread over all GPUs, each worker sees its own GPU alone, and none is idle while a task waits', async () => {
  const situation = fc.record({
    present: uuids(4),
    configured: fc.boolean(),
    tasks: fc.integer({ min: 1, max: 6 }),
  });
  await fc.assert(
    fc.asyncProperty(situation, async ({ present, configured, tasks }) => {
      await gpus.set(configured ? [] : present);
      await withServer({ devices: configured ? present : 'auto' }, async (server) => {
        expect(await devicesOf(server)).toEqual(present);
        await standInsOf(server).hold('separating');
        const submitted = await submitMany(server, tasks);
        const atOnce = Math.min(tasks, present.length);
        await expect.poll(async () => (await begun(server)).length, { timeout: 10_000 }).toBe(atOnce);
        const used = (await begun(server)).map(({ device }) => device);
        expect(new Set(used).size).toBe(atOnce);
        for (const device of used) expect(present).toContain(device);
        await standInsOf(server).release();
        await completeAll(server, submitted);
      });
    }),
    { numRuns: 4, endOnFailure: true },
  );
});

test('Property 46: on a CPU tasks are computed one after the other, whatever worker_threads is', async () => {
  await gpus.set([]);
  const wanted = fc.oneof(fc.constant('auto'), fc.integer({ min: 1, max: 64 }));
  const devices = fc.constantFrom('auto', ['cpu'], ['cpu', 'cpu']);
  await fc.assert(
    fc.asyncProperty(
      wanted,
      devices,
      fc.integer({ min: 2, max: 5 }),
      async (worker_threads, each, howMany) => {
        await withServer({ devices: each, worker_threads }, async (server) => {
          expect(await devicesOf(server)).toEqual(['cpu']);
          expect(await mostComputing(server, howMany, 1)).toEqual({ seen: 1, noted: 1 });
        });
      },
    ),
    { numRuns: 4, endOnFailure: true },
  );
});

/** GPUs, a number of workers for them or fewer, and more tasks than that. */
const pools = uuids(4).chain((present) =>
  fc.record({
    present: fc.constant(present),
    workers: fc.integer({ min: 1, max: present.length }),
    more: fc.integer({ min: 0, max: 3 }),
  }),
);

test('Property 47: N workers compute up to N tasks at a time and never more, and N when so many are there', async () => {
  await fc.assert(
    fc.asyncProperty(pools, async ({ present, workers, more }) => {
      await gpus.set(present);
      await withServer({ devices: 'auto', worker_threads: workers }, async (server) => {
        expect(await devicesOf(server)).toEqual(present.slice(0, workers));
        const most = await mostComputing(server, workers + more, workers);
        expect(most).toEqual({ seen: workers, noted: workers });
      });
    }),
    { numRuns: 4, endOnFailure: true },
  );
});

test('Property 48: while all workers are busy every further task waits in its place, and runs when one is free', async () => {
  await fc.assert(
    fc.asyncProperty(pools, async ({ present, workers, more }) => {
      await gpus.set(present);
      await withServer({ devices: 'auto', worker_threads: workers }, async (server) => {
        await standInsOf(server).hold('separating');
        const tasks = await submitMany(server, workers + more + 1);
        const [running, waiting] = [tasks.slice(0, workers), tasks.slice(workers)];
        for (const { task_id } of running) {
          await waitForTask(server.url, task_id, (task) => task.progress.stage === 'separating');
        }
        for (const [at, { task_id }] of waiting.entries()) {
          expect(await getTask(server.url, task_id)).toMatchObject({
            status: 'pending',
            queue_position: at + 1,
            attempts: 0,
            started_at: null,
            progress: { percent: 0, stage: 'queued' },
          });
        }
        // One place becomes free: exactly the next one takes it.
        const [first] = running;
        await call(`${server.url}/api/v1/tasks/${first?.task_id ?? ''}/cancel`, { method: 'POST' });
        const next = waiting[0]?.task_id ?? '';
        await waitForTask(server.url, next, (task) => task.progress.stage === 'separating');
        for (const [at, { task_id }] of waiting.slice(1).entries()) {
          expect(await getTask(server.url, task_id)).toMatchObject({
            status: 'pending',
            queue_position: at + 1,
          });
        }
        await standInsOf(server).release();
        await completeAll(server, [...running.slice(1), ...waiting]);
      });
    }),
    { numRuns: 3, endOnFailure: true },
  );
});

test('Property 49: a worker that is killed at any moment is replaced, its task is tried again, and no other is touched', async () => {
  const present = ['GPU-0a', 'GPU-0b'];
  await gpus.set(present);
  const kill = fc.record({
    stage: fc.constantFrom('loading_model' as const, 'separating' as const, 'encoding' as const),
    victim: fc.nat({ max: 2 }),
  });
  await withServer({ devices: 'auto' }, async (server) => {
    await fc.assert(
      fc.asyncProperty(kill, async ({ stage, victim }) => {
        const workers = standInsOf(server);
        const before = (await begun(server)).length;
        await workers.hold(stage);
        const tasks = await submitMany(server, 3);
        const [one, other] = tasks;
        for (const task of [one, other]) {
          await waitForTask(server.url, task?.task_id ?? '', ({ progress }) => progress.stage === stage);
        }
        // An attempt shows its first stage a moment before its worker hears of it.
        await expect
          .poll(async () =>
            (await begun(server))
              .slice(before)
              .map((entry) => entry.task_id)
              .sort(),
          )
          .toEqual([one?.task_id, other?.task_id].sort());
        const running = (await begun(server)).slice(before);

        const hit = victim < 2 ? running.slice(victim, victim + 1) : running;
        for (const { pid } of hit) process.kill(pid, 'SIGKILL');
        for (const { task_id } of hit) {
          await waitForTask(server.url, task_id ?? '', (task) => task.attempts === 2);
        }
        await workers.release();
        for (const done of await completeAll(server, tasks)) {
          const wasHit = hit.some((entry) => entry.task_id === done.task_id);
          expect([done.attempts, done.error]).toEqual([wasHit ? 2 : 1, null]);
        }
        const after = (await begun(server)).slice(before + 2);
        for (const { pid } of hit) expect(after.map((entry) => entry.pid)).not.toContain(pid);
        for (const { device } of hit) expect(present).toContain(device);
        await expect
          .poll(async () => {
            const { body } = await call(`${server.url}/api/v1/metrics`);
            return (body as { workers: { state: string }[] }).workers.map(({ state }) => state);
          })
          .toEqual(['idle', 'idle']);
      }),
      { numRuns: 6, endOnFailure: true },
    );
  });
});
