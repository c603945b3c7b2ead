import { cp, mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import {
  call,
  ended,
  form,
  getTask,
  parseProblem,
  parseResults,
  submit,
  waitForTask,
} from '../support/client.ts';
import { standInsOf } from '../support/standIn/standIns.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

// Every run starts servers and workers, which takes its time beside other tests.
vi.setConfig({ testTimeout: 90_000 });

let server: TestServer;
const song = makeWav(1, 8000);
const submitSong = ({ url }: TestServer = server) => submit(url, form({}, { bytes: song }));
const api = (at: string) => `${server.url}/api/v1${at}`;
const listed = async (taskId: string) => {
  const { tasks } = (await call(api('/tasks?limit=200'))).body as { tasks: { task_id: string }[] };
  return tasks.find((task) => task.task_id === taskId);
};

beforeAll(async () => {
  server = await startTestServer();
});
// A property that failed must not hold up the next one.
beforeEach(async () => {
  await standInsOf(server).release();
  await server.plan();
});
afterAll(() => server.dispose());

test('Property 12: a task in processing always shows its stage, percent, start and estimated time remaining', async () => {
  const situation = fc.record({
    stage: fc.constantFrom('loading_model' as const, 'separating' as const, 'encoding' as const),
    seconds: fc.constantFrom(0.1, 1, 30),
    fields: fc.record({ use_tta: fc.constantFrom('true', 'false'), bigshifts: fc.constantFrom('1', '16') }),
  });
  await fc.assert(
    fc.asyncProperty(situation, async ({ stage, seconds, fields }) => {
      const workers = standInsOf(server);
      await workers.hold(stage);
      const { task_id, created_at } = await submit(
        server.url,
        form(fields, { bytes: makeWav(seconds, 8000) }),
      );
      const shown = await waitForTask(server.url, task_id, (task) => task.progress.stage === stage);

      for (const task of [shown, await getTask(server.url, task_id), await listed(task_id)]) {
        expect(task).toMatchObject({
          status: 'processing',
          attempts: 1,
          queue_position: null,
          completed_at: null,
          error: null,
          progress: { stage, eta_seconds: expect.any(Number) as number },
        });
      }
      expect(shown.progress.eta_seconds).toBeGreaterThanOrEqual(1);
      expect(shown.progress.percent).toBeGreaterThanOrEqual(0);
      expect(shown.progress.percent).toBeLessThan(100);
      expect(Date.parse(shown.started_at ?? '')).toBeGreaterThanOrEqual(Date.parse(created_at));
      expect(Date.parse(shown.progress.updated_at)).toBeGreaterThanOrEqual(Date.parse(created_at));

      await workers.release();
      const done = await waitForTask(server.url, task_id, ended);
      expect(done).toMatchObject({ status: 'completed', progress: { percent: 100, eta_seconds: null } });
    }),
    { numRuns: 9 },
  );
});

/** How the wire names what a worker calls a failure. */
const CODE = {
  UNSUPPORTED_FORMAT: 'INVALID_AUDIO',
  INVALID_AUDIO: 'INVALID_AUDIO',
  OUT_OF_MEMORY: 'OUT_OF_MEMORY',
  INSUFFICIENT_STORAGE: 'INSUFFICIENT_STORAGE',
  SEPARATION_FAILED: 'SEPARATION_FAILED',
  INTERNAL: 'SEPARATION_FAILED',
} as const;
const failureKind = fc.constantFrom(...(Object.keys(CODE) as (keyof typeof CODE)[]));

test('Property 13: a failed task keeps its code and its reason word for word, wherever it is asked for', async () => {
  const reason = fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }),
    fc.constantFrom('{"code": 1}', '<b>no</b>', "'; DROP TABLE tasks; --", 'Two\nlines: of %41\r\n'),
  );
  await fc.assert(
    fc.asyncProperty(failureKind, reason, async (kind, message) => {
      await server.plan(`fail:${kind}:${encodeURIComponent(message)}`);
      const { task_id } = await submitSong();
      const failed = await waitForTask(server.url, task_id, ended);
      expect(failed).toMatchObject({ status: 'failed', error: { code: CODE[kind], message } });
      expect(Date.parse(failed.completed_at ?? '')).toBeGreaterThanOrEqual(Date.parse(failed.created_at));
      expect(await listed(task_id)).toEqual(failed);

      const results = await call(api(`/tasks/${task_id}/results`));
      expect(results.status).toBe(410);
      expect(parseProblem(results.body)).toMatchObject({ detail: message, error: { code: 'TASK_FAILED' } });
      expect(JSON.stringify([failed, results.body])).not.toContain('Traceback');
    }),
    { numRuns: 15 },
  );
});

test('Property 23: tasks that a stop or a sudden death of the server left unfinished are finished after the next start', async () => {
  const first = await startTestServer();
  onTestFinished(() => first.dispose());
  const done = await submitSong(first);
  await waitForTask(first.url, done.task_id, ended);
  await standInsOf(first).hold('separating');
  const running = await submitSong(first);
  const waiting = [await submitSong(first), await submitSong(first)];
  await waitForTask(first.url, running.task_id, (task) => task.progress.stage === 'separating');
  const unfinished = [running, ...waiting];

  // The files as they are at this moment: what a power cut would leave.
  const copy = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-test-'));
  await cp(first.dataDir, copy, { recursive: true });
  await first.stop();

  for (const dataDir of [copy, first.dataDir]) {
    await standInsOf({ dataDir }).release();
    const next = await startTestServer({}, dataDir);
    onTestFinished(() => next.dispose());
    for (const { task_id, input } of unfinished) {
      const task = await waitForTask(next.url, task_id, ended);
      expect(task).toMatchObject({ status: 'completed', input, error: null });
      const { stems } = parseResults((await call(`${next.url}/api/v1/tasks/${task_id}/results`)).body);
      for (const stem of stems) expect((await fetch(next.url + stem.url)).status).toBe(200);
    }
    // They start in their old order, the interrupted one first; what was done is not done again.
    const began = (await standInsOf(next).diary()).filter((entry) => entry.event === 'begin');
    expect(began.map((entry) => entry.task_id)).toEqual(
      [done, running, ...unfinished].map((task) => task.task_id),
    );
  }
});

test('Property 28: whatever an attempt dies of, its task alone fails, and every other one ends as it would have', async () => {
  const outcome = fc.oneof(
    { weight: 3, arbitrary: fc.constant({ plan: ['ok'], ends: { status: 'completed', attempts: 1 } }) },
    {
      weight: 3,
      arbitrary: failureKind.map((kind) => ({
        plan: [`fail:${kind}`],
        ends: { status: 'failed', attempts: 1, error: { code: CODE[kind] } },
      })),
    },
    {
      weight: 2,
      arbitrary: fc.constant({ plan: ['die', 'ok'], ends: { status: 'completed', attempts: 2 } }),
    },
    {
      weight: 1,
      arbitrary: fc.constant({
        plan: ['die', 'die'],
        ends: { status: 'failed', attempts: 2, error: { code: 'WORKER_CRASHED' } },
      }),
    },
  );
  const batch = fc
    .array(outcome, { minLength: 2, maxLength: 6 })
    // Each further death in a row makes the next worker come later, which would only cost time.
    .filter((each) => each.filter(({ plan }) => plan.length === 2 && plan[1] === 'die').length <= 1);
  await fc.assert(
    fc.asyncProperty(batch, async (outcomes) => {
      await server.plan(...outcomes.flatMap((each) => each.plan));
      const tasks = [];
      for (const _ of outcomes) tasks.push(await submitSong());
      for (const [at, { task_id }] of tasks.entries()) {
        expect(await waitForTask(server.url, task_id, ended)).toMatchObject(outcomes[at]?.ends ?? {});
      }
      const last = await submitSong();
      expect(await waitForTask(server.url, last.task_id, ended)).toMatchObject({ status: 'completed' });
      expect((await call(api('/health'))).status).toBe(200);
    }),
    { numRuns: 6 },
  );
});
