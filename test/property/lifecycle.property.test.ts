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
  type WireTask,
} from '../support/client.ts';
import { listModels } from '../support/listedModels.ts';
import { standInsOf } from '../support/standIn/standIns.ts';
import { eventually, passSeconds, stopClocks } from '../support/stoppedClock.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { toldTask } from '../support/toldWorker.ts';
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

const MOST_RUNS = 8;
const NAMES = Array.from({ length: MOST_RUNS }, (_, n) => `model-${String(n)}`);
/** What a first task shows of a model, and how the second then goes; in seconds. */
const situation = fc.record({
  first: fc.record({
    audio: fc.constantFrom(1, 5, 10),
    loading: fc.nat({ max: 20 }),
    work: fc.integer({ min: 1, max: 60 }),
  }),
  audio: fc.constantFrom(1, 4, 20),
  options: fc.record({ use_tta: fc.boolean(), bigshifts: fc.constantFrom(1, 4) }),
  loading: fc.nat({ max: 5 }),
  chunks: fc.integer({ min: 2, max: 6 }),
  chunkSeconds: fc.integer({ min: 1, max: 9 }),
});

test('Property 12: a task in processing always shows its stage, percent, start and the time remaining, by what was measured of its model', async () => {
  stopClocks();
  const models = await listModels(Object.fromEntries(NAMES.map((name) => [name, { modelType: 'mdx23c' }])));
  const other = await startTestServer({ models: models.entries, default_model_type: NAMES[0] });
  onTestFinished(async () => {
    await other.dispose();
    vi.useRealTimers();
    await models.dispose();
  });
  await standInsOf(other).waitToBeTold();
  const unused = [...NAMES];

  /** Waits until the task is in its worker's hands, for the clock of its attempt runs from before that. */
  const begins = async (fields: Record<string, string>, seconds: number) => {
    const task = await submit(other.url, form(fields, { bytes: makeWav(seconds, 1000) }));
    await eventually(async () => {
      const begun = await standInsOf(other).diary();
      expect(begun).toContainEqual(expect.objectContaining({ event: 'begin', task_id: task.task_id }));
    });
    return { task, call: toldTask(other, task.task_id, 1) };
  };
  const shows = ({ task_id }: WireTask, facts: Partial<WireTask['progress']>) =>
    eventually(async () => {
      const task = await getTask(other.url, task_id);
      const updated_at = new Date().toISOString();
      expect(task.progress).toEqual({ ...task.progress, ...facts, updated_at });
      return task;
    });
  const seconds = (exact: number) => Math.max(1, Math.round(exact));

  await fc.assert(
    fc.asyncProperty(situation, async ({ first, audio, options, loading, chunks, chunkSeconds }) => {
      const model_type = unused.pop() ?? '';
      const measured = await begins({ model_type }, first.audio);
      expect((await getTask(other.url, measured.task.task_id)).progress.eta_seconds).toBeGreaterThanOrEqual(
        1,
      );
      passSeconds(first.loading + first.work);
      const stage_seconds = {
        loading_model: first.loading,
        decoding: 0,
        separating: first.work,
        encoding: 0,
      };
      await measured.call.answer({ stage_seconds });
      await eventually(async () => {
        expect((await getTask(other.url, measured.task.task_id)).status).toBe('completed');
      });

      const fields = { use_tta: String(options.use_tta), bigshifts: String(options.bigshifts) };
      const startedAt = new Date().toISOString();
      const { task, call: told } = await begins({ model_type, ...fields }, audio);
      const passes = options.bigshifts * (options.use_tta ? 3 : 1);
      // Of what was assumed of so small a file, 0.01, is left what 0.7 seconds weigh.
      const rate = (first.work + 0.7 * 0.01) / (first.audio + 0.7);
      const expected = rate * audio * passes;
      const stages: WireTask[] = [];
      const see = async (facts: Partial<WireTask['progress']>) => stages.push(await shows(task, facts));

      await see({ stage: 'loading_model', percent: 0, eta_seconds: seconds(expected) });
      passSeconds(loading);
      await told.report('decoding');
      await see({ stage: 'decoding', percent: 1, eta_seconds: seconds(expected - loading) });
      await told.report('separating', 1, chunks);
      await see({ stage: 'separating', percent: 2, eta_seconds: seconds(expected) });
      for (let done = 1; done < chunks; done += 1) {
        passSeconds(chunkSeconds);
        await told.report('separating', done + 1, chunks);
        const percent = expect.closeTo(2 + (95 * done) / chunks, 0.51) as number;
        await see({ percent, eta_seconds: (chunks - done) * chunkSeconds });
      }
      await told.report('encoding');
      await see({ stage: 'encoding', percent: 97, eta_seconds: 1 });
      for (const shown of stages) {
        expect(shown).toMatchObject({
          ...{ status: 'processing', started_at: startedAt, attempts: 1 },
          ...{ queue_position: null, completed_at: null, error: null },
        });
      }
      const { body } = await call(`${other.url}/api/v1/tasks?limit=1`);
      expect(body).toMatchObject({ tasks: [stages.at(-1)] });
      await told.answer();
      await eventually(async () => {
        const done = await getTask(other.url, task.task_id);
        expect(done).toMatchObject({ status: 'completed', progress: { percent: 100, eta_seconds: null } });
      });
    }),
    // Each has a model of its own, of which nothing is known yet.
    { numRuns: MOST_RUNS, endOnFailure: true },
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
