import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import {
  call,
  ended,
  form,
  parseProblem,
  parseResults,
  submit,
  waitForTask,
  type WireTask,
} from '../support/client.ts';
import { dateBack } from '../support/dateBack.ts';
import { ownServerHours, passHours } from '../support/serverHours.ts';
import { standInsOf } from '../support/standIn/standIns.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

// Some start servers and workers, which takes its time beside other tests.
vi.setConfig({ testTimeout: 90_000 });

type End = 'completed' | 'failed' | 'cancelled';
interface Aged {
  end: End;
  hours: number;
}
interface Found extends Aged {
  task: WireTask;
  stemUrls: string[];
}
interface Kept {
  completed: number;
  failed: number;
  metadata: number;
}

let server: TestServer;
/** At this level, the log tells when a pass is over. */
const LOGGED = { log_file: 'server.log', log_level: 'debug' };
const song = makeWav(1, 8000);
const api = (at: string) => `${server.url}/api/v1${at}`;

beforeAll(async () => {
  ownServerHours();
  server = await startTestServer(LOGGED);
});
beforeEach(() => standInsOf(server).release());
afterAll(async () => {
  await server.dispose();
  vi.useRealTimers();
});

/** Ages around each of these limits, two minutes before and after, and anything beside. */
const agesAround = (...limits: number[]) =>
  fc.oneof(
    fc.constantFrom(...limits.flatMap((hours) => [Math.max(0, hours - 1 / 30), hours + 1 / 30])),
    fc.integer({ min: 0, max: 400 }).filter((hours) => !limits.includes(hours)),
  );
const agedTasks = (end: fc.Arbitrary<End>, hours: fc.Arbitrary<number>) =>
  fc.array(fc.record({ end, hours }), { minLength: 3, maxLength: 5 });

/** Makes these tasks and what they leave, and lets their time pass up to the cleanup's next pass. */
async function afterTheirTime(given: readonly Aged[]): Promise<Found[]> {
  const made = await makeTasks(given);
  // Put there while the server runs: at a start, recovery would take it before any pass.
  for (const { task, end } of made) if (end !== 'completed') await leavePartialOutput(task.task_id);
  dateBack(server.dataDir, agesOf(made, -1));
  await untilNextPass(() => {
    passHours(1);
  });
  return made;
}

/** Makes these tasks, lets their time pass while no server runs, and starts one that keeps things for so long. */
async function atTheNextStart(given: readonly Aged[], settings: Record<string, unknown>): Promise<Found[]> {
  const made = await makeTasks(given);
  await server.stop();
  dateBack(server.dataDir, agesOf(made));
  await untilNextPass(async () => {
    server = await startTestServer({ ...LOGGED, ...settings }, server.dataDir);
  });
  return made;
}

async function makeTasks(given: readonly Aged[]): Promise<Found[]> {
  await deleteAll();
  const made: Found[] = [];
  for (const each of given) made.push({ ...each, ...(await makeTask(each.end)) });
  return made;
}

const agesOf = (made: readonly Found[], more = 0) =>
  new Map(made.map(({ task, hours }) => [task.task_id, hours + more]));

async function untilNextPass(begin: () => void | Promise<void>): Promise<void> {
  const passes = await passesSoFar();
  await begin();
  await expect.poll(passesSoFar, { timeout: 10_000 }).toBeGreaterThan(passes);
}

/** Whatever a run before this one left, also one that failed half-way. */
async function deleteAll(): Promise<void> {
  const { tasks } = (await call(api('/tasks?limit=200'))).body as { tasks: WireTask[] };
  for (const { task_id } of tasks) await call(api(`/tasks/${task_id}`), { method: 'DELETE' });
  await expect.poll(filesOf).toEqual({ results: [], uploads: 0 });
}

/** How often the cleanup has been over everything: orphans are its last step. */
async function passesSoFar(): Promise<number> {
  const log = await readFile(path.join(server.dataDir, 'server.log'), 'utf8');
  return log.split('\n').filter((line) => line.includes('"step":"orphans"')).length;
}

async function makeTask(end: End): Promise<Pick<Found, 'task' | 'stemUrls'>> {
  if (end === 'cancelled') await standInsOf(server).hold('separating');
  await server.plan(end === 'failed' ? 'fail:SEPARATION_FAILED' : 'ok');
  const { task_id } = await submit(server.url, form({}, { bytes: song }));
  if (end === 'cancelled') {
    await call(api(`/tasks/${task_id}/cancel`), { method: 'POST' });
    await standInsOf(server).release();
    // Cancelled is said at once; the attempt removes what it wrote when its worker lets go.
    for (const folder of ['tmp', 'results']) {
      await expect.poll(async () => (await server.stored(folder)).join()).not.toContain(task_id);
    }
  }
  const task = await waitForTask(server.url, task_id, ended);
  expect(task.status).toBe(end);
  if (end !== 'completed') return { task, stemUrls: [] };
  const { stems } = parseResults((await call(api(`/tasks/${task_id}/results`))).body);
  return { task, stemUrls: stems.map((stem) => stem.url) };
}

/** What an attempt leaves that could not clean up after itself. */
async function leavePartialOutput(taskId: string): Promise<void> {
  const folder = path.join(server.dataDir, 'results', taskId, '1');
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'drums.wav'), 'half a stem');
}

async function statusOf(url: string): Promise<number> {
  const answer = await fetch(url);
  await answer.arrayBuffer();
  return answer.status;
}

/** The tasks with something in the results folder, and how many uploads there are. */
const filesOf = async () => ({
  results: (await server.stored('results')).sort(),
  uploads: (await server.stored('inputs')).length,
});

/**
 * Holds what the server answers and what lies on its disk against how long things are kept.
 *
 * @param withOutput whose output is there until its time is over
 */
async function expectKept(made: readonly Found[], kept: Kept, withOutput: readonly End[]): Promise<void> {
  const keepsRow = ({ hours }: Aged) => hours < kept.metadata;
  const keepsFiles = (each: Aged) =>
    keepsRow(each) && each.hours < (each.end === 'completed' ? kept.completed : kept.failed);
  const withFiles = made.filter(keepsFiles);
  expect(await filesOf()).toEqual({
    results: withFiles
      .filter(({ end }) => withOutput.includes(end))
      .map(({ task }) => task.task_id)
      .sort(),
    uploads: withFiles.length,
  });

  for (const each of made) {
    const { task, end, stemUrls } = each;
    const answer = await call(api(`/tasks/${task.task_id}`));
    const results = await call(api(`/tasks/${task.task_id}/results`));
    if (!keepsRow(each)) {
      expect([answer.status, results.status]).toEqual([404, 404]);
      for (const url of stemUrls) expect(await statusOf(server.url + url)).toBe(404);
      continue;
    }
    expect([answer.status, answer.body]).toEqual([200, expect.objectContaining({ status: end })]);
    if (end === 'completed') {
      expect(results.status).toBe(keepsFiles(each) ? 200 : 410);
      if (!keepsFiles(each)) expect(parseProblem(results.body).error.code).toBe('RESULTS_EXPIRED');
      for (const url of stemUrls) expect(await statusOf(server.url + url)).toBe(results.status);
    } else {
      expect(results.status).toBe(end === 'failed' ? 410 : 409);
    }
  }
}

const ANY_END: readonly End[] = ['completed', 'failed', 'cancelled'];
const BY_DEFAULT: Kept = { completed: 24, failed: 24, metadata: 168 };

test('Property 20: the files of a task that completed more than 24 hours ago are gone, those of younger ones are whole', async () => {
  await fc.assert(
    fc.asyncProperty(agedTasks(fc.constant('completed'), agesAround(24)), async (given) => {
      await expectKept(await afterTheirTime(given), BY_DEFAULT, ANY_END);
    }),
    { numRuns: 3, endOnFailure: true },
  );
});

test('Property 21: a task that ended more than 7 days ago is not known any more, a younger one is', async () => {
  const anyEnd = fc.constantFrom(...ANY_END);
  await fc.assert(
    fc.asyncProperty(agedTasks(anyEnd, agesAround(168)), async (given) => {
      await expectKept(await afterTheirTime(given), BY_DEFAULT, ANY_END);
    }),
    { numRuns: 3, endOnFailure: true },
  );
});

test('Property 22: what a task that failed more than 24 hours ago left behind is gone, its reason is not', async () => {
  const unhappyEnd = fc.constantFrom<End>('failed', 'failed', 'cancelled');
  await fc.assert(
    fc.asyncProperty(agedTasks(unhappyEnd, agesAround(24)), async (given) => {
      await expectKept(await afterTheirTime(given), BY_DEFAULT, ANY_END);
    }),
    { numRuns: 3, endOnFailure: true },
  );
});

test('Property 24: files and tasks are kept for exactly as long as the configuration says', async () => {
  const hours = fc.integer({ min: 1, max: 300 });
  const kept = fc.tuple(hours, hours, fc.nat({ max: 100 })).map(([completed, failed, more]) => ({
    completed,
    failed,
    metadata: Math.max(completed, failed) + more,
  }));
  const situation = kept.chain((each) =>
    fc.record({
      kept: fc.constant(each),
      given: agedTasks(fc.constantFrom(...ANY_END), agesAround(each.completed, each.failed, each.metadata)),
    }),
  );
  await fc.assert(
    fc.asyncProperty(situation, async (each) => {
      const made = await atTheNextStart(each.given, {
        cleanup_retention_hours: each.kept.completed,
        failed_retention_hours: each.kept.failed,
        metadata_retention_hours: each.kept.metadata,
      });
      await expectKept(made, each.kept, ['completed']);
    }),
    { numRuns: 4, endOnFailure: true },
  );
});
