import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Timeouts } from '../../src/workers/health/timeouts.ts';
import { call, ended, form, getTask, submit, waitForTask } from '../support/client.ts';
import { waitUntilGone } from '../support/serverProcess.ts';
import { standInsOf } from '../support/standIn/standIns.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

/** Long enough that a worker on a busy machine is heard in time, short enough to wait for. */
const TIMEOUTS = {
  cancelGraceMs: 300,
  lookEveryMs: 50,
  suspectMs: 500,
  silentMs: 2_000,
  dumpMs: 50,
  stalledMs: 2_000,
  // Sooner than any worker is back, or the task would be passed by the next.
  retryDelayMs: 1,
};

let server: TestServer;
const song = makeWav(1);
const submitSong = () => submit(server.url, form({}, { bytes: song }));
const workersOf = async () => {
  const { workers } = (await call(`${server.url}/api/v1/metrics`)).body as {
    workers: { state: string; restarts: number }[];
  };
  return workers;
};

/** How the attempts of a task ended, by the database itself. */
function outcomes(taskId: string): (string | null)[] {
  const database = new Database(path.join(server.dataDir, 'tasks.db'), { readonly: true });
  const rows = database.prepare('SELECT outcome FROM attempts WHERE task_id = ? ORDER BY attempt');
  const found = rows.pluck().all(taskId) as (string | null)[];
  database.close();
  return found;
}

const begin = async (timeouts: Partial<Timeouts> = TIMEOUTS, settings: Record<string, unknown> = {}) => {
  const logged = { log_file: 'server.log', log_level: 'debug' };
  server = await startTestServer({ ...logged, ...settings }, undefined, [], timeouts);
};
/** Where a stand-in waits until it is there. */
const gate = () => path.join(server.dataDir, 'gate');
const logText = () => readFile(path.join(server.dataDir, 'server.log'), 'utf8');

afterEach(() => server.dispose());

describe('an attempt that hangs', () => {
  beforeEach(() => begin());

  test('without heartbeats costs its worker, and its task is tried again', async () => {
    await server.plan('freeze');
    const { task_id } = await submitSong();
    expect(await waitForTask(server.url, task_id, ended)).toMatchObject({ status: 'completed', attempts: 2 });
    expect(outcomes(task_id)).toEqual(['hung', 'completed']);
    const log = await logText();
    expect(log).toContain('a worker does not send heartbeats');
    expect(log).toContain('"hang":"silent"');
    expect((await workersOf()).map(({ restarts }) => restarts)).toEqual([1]);
  });

  test('with heartbeats but without CPU time and chunks costs its worker too', async () => {
    await server.plan('stall');
    const { task_id } = await submitSong();
    expect(await waitForTask(server.url, task_id, ended)).toMatchObject({ status: 'completed', attempts: 2 });
    expect(outcomes(task_id)).toEqual(['hung', 'completed']);
    expect(await logText()).toContain('"hang":"stalled"');
  });

  test('in every attempt fails the task as TIMEOUT, and the next task runs', async () => {
    await server.plan('stall', 'freeze', 'stall');
    const bad = await submitSong();
    const good = await submitSong();
    expect(await waitForTask(server.url, bad.task_id, ended, 25_000)).toMatchObject({
      status: 'failed',
      attempts: 3,
      error: { code: 'TIMEOUT', message: expect.stringContaining('attempt 3 of 3') as string },
    });
    expect(outcomes(bad.task_id)).toEqual(['hung', 'hung', 'failed']);
    expect(await waitForTask(server.url, good.task_id, ended)).toMatchObject({ status: 'completed' });
  });

  test('is not one whose chunk is slow but uses CPU time', async () => {
    await server.plan(`toil:${gate()}`);
    const { task_id } = await submitSong();
    await waitForTask(server.url, task_id, (task) => task.progress.percent > 40);
    // Twice as long as a hang would have been given.
    const until = performance.now() + 2 * TIMEOUTS.stalledMs;
    await waitForTask(server.url, task_id, () => performance.now() > until);
    expect(await getTask(server.url, task_id)).toMatchObject({ status: 'processing', attempts: 1 });
    await writeFile(gate(), '');
    expect(await waitForTask(server.url, task_id, ended)).toMatchObject({ status: 'completed', attempts: 1 });
  });
});

test('an attempt that takes far too long is ended, however busy it looks, and a task whose attempts all do is TIMEOUT', async () => {
  await begin({ ...TIMEOUTS, deadlineMs: 600 }, { task_max_attempts: 2 });
  await server.plan('hang', 'hang');
  const { task_id } = await submitSong();
  expect(await waitForTask(server.url, task_id, ended)).toMatchObject({
    status: 'failed',
    attempts: 2,
    error: { code: 'TIMEOUT', message: expect.stringContaining('many times longer') as string },
  });
});

describe('a worker', () => {
  beforeEach(() => begin());

  test('that ignores a cancel is killed after the grace and replaced, at nobody else’s cost', async () => {
    await server.plan('ignore-cancel');
    const { task_id } = await submitSong();
    await waitForTask(server.url, task_id, (task) => task.progress.stage === 'separating');
    const next = await submitSong();
    const cancelled = await call(`${server.url}/api/v1/tasks/${task_id}/cancel`, { method: 'POST' });
    expect(cancelled.body).toMatchObject({ status: 'cancelled' });
    expect(await waitForTask(server.url, next.task_id, ended)).toMatchObject({
      status: 'completed',
      attempts: 1,
    });
    expect(await getTask(server.url, task_id)).toMatchObject({ status: 'cancelled', error: null });
    expect(outcomes(task_id)).toEqual(['cancelled']);
    expect(await workersOf()).toMatchObject([{ restarts: 1 }]);
  });

  test('whose cancelled tasks never let go is not taken for one that crashes', async () => {
    await server.plan(...Array.from({ length: 7 }, () => 'ignore-cancel'));
    for (let n = 0; n < 7; n += 1) {
      const { task_id } = await submitSong();
      await waitForTask(server.url, task_id, (task) => task.progress.stage === 'separating');
      await call(`${server.url}/api/v1/tasks/${task_id}/cancel`, { method: 'POST' });
    }
    const { task_id } = await submitSong();
    expect(await waitForTask(server.url, task_id, ended)).toMatchObject({ status: 'completed' });
  });

  test('that speaks of other attempts, or answers what was not asked, changes nothing', async () => {
    await server.plan(`stale:${gate()}`);
    const { task_id } = await submitSong();
    const { progress } = await waitForTask(server.url, task_id, (task) => task.progress.percent > 40);
    // Percent never falls: had it taken the words of another attempt for its own, it would show 97.
    expect(progress.stage).toBe('separating');
    expect(progress.percent).toBeLessThan(97);
    await writeFile(gate(), '');
    expect(await waitForTask(server.url, task_id, ended)).toMatchObject({ status: 'completed', attempts: 1 });
  });

  test.each(['mistaken', 'garbage'])(
    'whose channel cannot be trusted (%s) is killed and replaced, and its task tried again',
    async (word) => {
      await server.plan(word);
      const { task_id } = await submitSong();
      expect(await waitForTask(server.url, task_id, ended)).toMatchObject({
        status: 'completed',
        attempts: 2,
      });
      expect(outcomes(task_id)).toEqual(['worker_died', 'completed']);
      expect(await workersOf()).toMatchObject([{ restarts: 1 }]);
    },
  );

  test('that floods stderr is read to the end, and its task completes at once', async () => {
    await server.plan('flood');
    const { task_id } = await submitSong();
    expect(await waitForTask(server.url, task_id, ended)).toMatchObject({ status: 'completed', attempts: 1 });
    expect(await workersOf()).toMatchObject([{ restarts: 0 }]);
  });

  test('that is killed takes with it what it started', async () => {
    await server.plan('grandchild');
    const { task_id } = await submitSong();
    await waitForTask(server.url, task_id, ended);
    const born = (await standInsOf(server).diary()).find(({ event }) => event === 'grandchild');
    if (born?.grandchild === undefined) throw new Error('nothing was started');
    expect(() => process.kill(born.grandchild ?? 0, 0)).not.toThrow();
    process.kill(born.pid, 'SIGKILL');
    await waitUntilGone([born.grandchild]);
    await expect.poll(workersOf, { timeout: 10_000 }).toMatchObject([{ state: 'idle', restarts: 1 }]);
  });
});

describe('a worker that dies at every start', () => {
  const unusable = 'keeps dying';
  const health = async () =>
    (await call(`${server.url}/api/v1/health`)).body as { status: string; problems: string[] };

  test('is left alone, health says why, and it comes back by itself', { timeout: 60_000 }, async () => {
    await begin({ ...TIMEOUTS, quarantineMs: 1_000 });
    const workers = standInsOf(server);
    await expect.poll(workersOf).toMatchObject([{ state: 'idle' }]);
    const [start] = await workers.diary();
    await workers.breakDevices(['cpu']);
    process.kill(start?.pid ?? 0, 'SIGKILL');
    const isToldOf = async () => (await health()).problems.some((problem) => problem.includes(unusable));
    await expect.poll(isToldOf, { timeout: 30_000 }).toBe(true);
    expect(await health()).toMatchObject({ status: 'unhealthy' });

    await workers.breakDevices([]);
    const { task_id } = await submitSong();
    expect(await waitForTask(server.url, task_id, ended)).toMatchObject({ status: 'completed', attempts: 1 });
    expect(await health()).toMatchObject({ status: 'healthy', problems: [] });
  });
});
