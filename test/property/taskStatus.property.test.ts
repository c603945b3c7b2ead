/** What a task's status says, over every history that a worker and a client can give it. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { taskSchema } from '../../src/http/openapi/schemas.ts';
import { taskStatuses, type TaskStatus } from '../../src/tasks/taskState.ts';
import {
  call,
  ended,
  form,
  getTask,
  parseProblem,
  submit,
  waitForTask,
  type WireTask,
} from '../support/client.ts';
import { watchStatuses, type StatusHistory } from '../support/statusHistory.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { toldTask } from '../support/toldWorker.ts';
import { makeWav } from '../support/wav.ts';

// Each holds over many histories, and the machine may be busy with other tests.
vi.setConfig({ testTimeout: 120_000 });

let server: TestServer;
let history: StatusHistory;
const song = makeWav(0.1);
/** The seeds' own limit for an answer about a task. */
const MOST_MS = 500;

/** Written out once more: the server's own table could be wrong. */
const STEPS = new Set([
  'pending processing',
  'pending cancelled',
  'processing completed',
  'processing failed',
  'processing pending',
  'processing cancelled',
]);
const isAllowed = (from: TaskStatus, to: TaskStatus) => STEPS.has(`${from} ${to}`);

beforeAll(async () => {
  server = await startTestServer();
  history = watchStatuses(server.dataDir);
});
afterAll(async () => {
  history.close();
  await server.dispose();
});

const api = (path: string, init?: RequestInit) => call(`${server.url}/api/v1${path}`, init);
const submitSong = () => submit(server.url, form({}, { bytes: song }));
const cancel = (taskId: string) => api(`/tasks/${taskId}/cancel`, { method: 'POST' });

interface Course {
  words: string[];
  end: TaskStatus;
}
const lively = fc.constantFrom<Course>(
  { words: ['ok'], end: 'completed' },
  { words: ['fail:SEPARATION_FAILED'], end: 'failed' },
  // Cancelled: by whoever watches, as soon as it hangs.
  { words: ['hang'], end: 'cancelled' },
);
const deadly = fc.constantFrom<Course>(
  { words: ['die', 'ok'], end: 'completed' },
  { words: ['die', 'die'], end: 'failed' },
  { words: ['die', 'fail:INVALID_AUDIO'], end: 'failed' },
  { words: ['die', 'hang'], end: 'cancelled' },
);
/** What the worker does with a task, attempt by attempt, and how that must end; a worker's death costs seconds. */
const course = fc.oneof({ weight: 3, arbitrary: lively }, { weight: 1, arbitrary: deadly });
const hangs = (words: readonly string[]) => words.at(-1) === 'hang';
const standsIn = (words: readonly string[]) => (task: WireTask) =>
  ended(task) || (task.attempts === words.length && task.progress.stage === 'separating');

/** Brings one task after the other through its course. */
async function live(courses: readonly Course[]): Promise<string[]> {
  await server.plan(...courses.flatMap(({ words }) => words));
  const taskIds: string[] = [];
  for (let n = 0; n < courses.length; n += 1) taskIds.push((await submitSong()).task_id);
  for (const [n, { words }] of courses.entries()) {
    const taskId = taskIds[n] ?? '';
    if (!hangs(words)) continue;
    await waitForTask(server.url, taskId, standsIn(words));
    await cancel(taskId);
  }
  for (const taskId of taskIds) await waitForTask(server.url, taskId, ended);
  return taskIds;
}

test('Property 7: a task takes only the allowed steps, comes to the end that its attempts lead to, and never leaves it', async () => {
  const courses = fc.array(course, { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(courses, async (given) => {
      const taskIds = await live(given);
      for (const [n, taskId] of taskIds.entries()) {
        const { words, end } = given[n] ?? { words: [], end: 'pending' };
        const statuses = history.of(taskId);
        const attempts = words
          .map(() => 'processing')
          .join(' pending ')
          .split(' ');
        expect(statuses).toEqual(['pending', ...attempts, end]);
        for (const [at, next] of statuses.slice(1).entries()) {
          expect(isAllowed(statuses[at] ?? next, next)).toBe(true);
        }
        // Whatever is asked of it now.
        expect((await cancel(taskId)).status).toBe(409);
        expect((await getTask(server.url, taskId)).status).toBe(end);
        expect(history.of(taskId)).toEqual(statuses);
      }
    }),
    { numRuns: 8 },
  );
});

test('Property 7: a task that is cancelled at any moment takes only the allowed steps', async () => {
  const moment = fc.record({
    afterMs: fc.integer({ min: 0, max: 60 }),
    words: course.map(({ words }) => words),
  });
  await fc.assert(
    fc.asyncProperty(moment, async ({ afterMs, words }) => {
      await server.plan(...words);
      const { task_id } = await submitSong();
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      const { status } = await cancel(task_id);
      expect([200, 409]).toContain(status);
      const statuses = history.of(task_id);
      expect(statuses.at(-1)).toBe((await getTask(server.url, task_id)).status);
      expect(statuses.at(-1) === 'cancelled').toBe(status === 200);
      const steps = statuses.slice(1).map((next, at) => [statuses[at] ?? next, next] as const);
      for (const [from, to] of steps) expect([from, to, isAllowed(from, to)]).toEqual([from, to, true]);
    }),
    { numRuns: 15 },
  );
});

test('Property 9: a task is answered with its own current status, whichever that is, within 500 ms', async () => {
  const seen = new Set<TaskStatus>();
  const courses = fc.array(course, { maxLength: 2 });
  const waiting = fc.nat({ max: 3 });
  await fc.assert(
    fc.asyncProperty(courses, waiting, async (over, pending) => {
      const taskIds = await live(over);
      await server.plan('hang');
      for (let n = 0; n <= pending; n += 1) taskIds.push((await submitSong()).task_id);
      const running = taskIds[over.length] ?? '';
      await waitForTask(server.url, running, (task) => task.status === 'processing');

      const current = [
        ...over.map(({ end }) => end),
        'processing',
        ...Array<string>(pending).fill('pending'),
      ];
      for (const [n, taskId] of taskIds.entries()) {
        const before = performance.now();
        const answer = await api(`/tasks/${taskId}`);
        expect(performance.now() - before).toBeLessThan(MOST_MS);
        expect(answer.status).toBe(200);
        const task = taskSchema.parse(answer.body);
        expect([task.task_id, task.status]).toEqual([taskId, current[n]]);
        expect(history.of(taskId).at(-1)).toBe(task.status);
        const { body } = await api(`/tasks?status=${task.status}&limit=200`);
        expect((body as { tasks: WireTask[] }).tasks.map((each) => each.task_id)).toContain(taskId);
        seen.add(task.status);
      }
      for (const taskId of taskIds.slice(over.length).reverse()) await cancel(taskId);
    }),
    // The first ones see to it that no status is left out.
    {
      numRuns: 8,
      examples: [
        [
          [
            { words: ['ok'], end: 'completed' },
            { words: ['hang'], end: 'cancelled' },
          ],
          1,
        ],
        [[{ words: ['fail:INTERNAL'], end: 'failed' }], 0],
      ],
    },
  );
  expect([...seen].sort()).toEqual([...taskStatuses].sort());
});

const STAGES = ['queued', 'loading_model', 'decoding', 'separating', 'encoding', 'completed'] as const;
type Report = [stage: 'loading_model' | 'decoding' | 'separating' | 'encoding', done: number, total: number];
type End = 'answer' | 'fail' | 'cancel' | 'die';

/** What the worker tells of one attempt: stages in their order, some left out, and counts that may fall back. */
const reports: fc.Arbitrary<Report[]> = fc
  .record({
    head: fc.subarray<Report[0]>(['loading_model', 'decoding']),
    total: fc.integer({ min: 1, max: 12 }),
    counts: fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 5 }),
    isInOrder: fc.boolean(),
    encodes: fc.boolean(),
  })
  .map(({ head, total, counts, isInOrder, encodes }) => {
    const done = counts.map((count) => Math.min(count, total));
    if (isInOrder) done.sort((a, b) => a - b);
    return [
      ...head.map((stage): Report => [stage, 0, 0]),
      ...done.map((count): Report => ['separating', count, total]),
      ...(encodes ? [['encoding', 0, 0] satisfies Report] : []),
    ];
  });
const attempt: fc.Arbitrary<{ told: Report[]; end: End }> = fc.record({
  told: reports,
  end: fc.constantFrom<End>('answer', 'answer', 'fail', 'cancel'),
});
const inThree: Report[] = [1, 2, 3].map((done) => ['separating', done, 3]);

test('Property 10: a task always says its stage and how far it is, truly: never backwards within an attempt, and 100 percent only at its end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(attempt, { minLength: 1, maxLength: 1 }), async (attempts) => {
      await server.plan('told', 'told', 'told');
      const { task_id } = await submitSong();
      const waiting = await submitSong();
      const shown: WireTask[] = [];
      for (const [before, { told, end }] of attempts.entries()) {
        const call = toldTask(server, task_id, before + 1);
        let most = 0;
        for (const [stage, done, total] of told) {
          const toldAt = Date.now();
          await call.report(stage, done, total);
          const { progress } = await waitForTask(server.url, task_id, (task) => {
            shown.push(task);
            const isOfIt = task.attempts === before + 1 && task.progress.stage === stage;
            return isOfIt && Date.parse(task.progress.updated_at) >= toldAt;
          });
          expect(Date.now() - Date.parse(progress.updated_at)).toBeLessThan(5000);
          if (stage !== 'separating') continue;
          // What has been computed shows: all before the running chunk, and no more than the running one.
          most = Math.max(most, done);
          expect(progress.percent).toBeLessThanOrEqual(2 + (95 * most) / total + 0.1);
          expect(progress.percent).toBeGreaterThanOrEqual(2 + (95 * (done - 1)) / total - 0.1);
        }
        const queued = await getTask(server.url, waiting.task_id);
        expect(queued.progress).toMatchObject({ percent: 0, stage: 'queued', eta_seconds: null });
        expect(queued.queue_position).toBe(1);
        if (end === 'cancel') await cancel(task_id);
        else await (end === 'fail' ? call.fail('SEPARATION_FAILED') : call[end]());
      }
      const last = await waitForTask(server.url, task_id, (task) => {
        shown.push(task);
        return ended(task);
      });
      const isCompleted = attempts.at(-1)?.end === 'answer';
      expect(last.progress).toMatchObject(
        isCompleted
          ? { percent: 100, stage: 'completed', eta_seconds: null }
          : { percent: 0, stage: 'queued', eta_seconds: null },
      );

      for (const [before] of attempts.entries()) {
        const running = shown.filter((task) => task.status === 'processing' && task.attempts === before + 1);
        const percents = running.map(({ progress }) => progress.percent);
        expect(percents).toEqual([...percents].sort((a, b) => a - b));
        const stages = running.map(({ progress }) => STAGES.indexOf(progress.stage));
        expect(stages).toEqual([...stages].sort((a, b) => a - b));
        for (const { progress } of running) {
          expect(progress.percent).toBeGreaterThanOrEqual(0);
          expect(progress.percent).toBeLessThan(100);
          expect(progress.eta_seconds).toBeGreaterThanOrEqual(1);
        }
      }
      for (const { status, progress } of shown) {
        if (status === 'pending')
          expect(progress).toMatchObject({ percent: 0, stage: 'queued', eta_seconds: null });
      }
      await toldTask(server, waiting.task_id, 1).answer();
      const completed = await waitForTask(server.url, waiting.task_id, ended);
      expect(completed.progress).toMatchObject({ percent: 100, stage: 'completed', eta_seconds: null });
      await server.plan();
    }),
    {
      numRuns: 15,
      // The second attempt begins anew; and a count that falls back takes nothing from the percent.
      examples: [
        [
          [
            { told: inThree, end: 'die' },
            { told: inThree.slice(0, 2), end: 'answer' },
          ],
        ],
        [[{ told: [...inThree, ...inThree], end: 'answer' }]],
      ],
    },
  );
});

test('Property 11: an id that is no task is answered with 404 on every route, whatever it looks like', async () => {
  const deleted = (await submitSong()).task_id;
  await waitForTask(server.url, deleted, ended);
  await api(`/tasks/${deleted}`, { method: 'DELETE' });
  // A browser takes these two for steps in the path, before anything is sent.
  const isSegment = (text: string) => !/^(\.|%2e){1,2}$/i.test(text);
  const id = fc
    .oneof(
      fc.uuid(),
      fc.constantFrom(
        deleted,
        deleted.toUpperCase(),
        `${deleted} `,
        '0',
        'null',
        '..%2f..%2ftasks.db',
        '%00',
        '%zz',
        "' OR 1=1--",
        '%',
        'x'.repeat(4000),
      ),
      fc.string({ unit: 'grapheme', minLength: 1 }).map(encodeURIComponent),
      fc.uuid().map((uuid) => uuid.slice(1)),
    )
    .filter(isSegment);
  const routes = [
    ['GET', (task: string) => `/tasks/${task}`, 'TASK_NOT_FOUND'],
    ['DELETE', (task: string) => `/tasks/${task}`, 'TASK_NOT_FOUND'],
    ['POST', (task: string) => `/tasks/${task}/cancel`, 'TASK_NOT_FOUND'],
    ['GET', (task: string) => `/tasks/${task}/results`, 'TASK_NOT_FOUND'],
    ['GET', (task: string) => `/download/${task}/drums.wav`, 'FILE_NOT_FOUND'],
  ] as const;
  await fc.assert(
    fc.asyncProperty(id, async (missing) => {
      for (const [method, path, code] of routes) {
        const answer = await api(path(missing), { method });
        const problem = parseProblem(answer.body);
        expect([answer.status, problem.error.code]).toEqual([404, code]);
        expect(JSON.stringify(problem)).not.toContain(server.dataDir);
      }
    }),
    { numRuns: 40, examples: [[deleted], [randomUUID()], ['%zz']] },
  );
});
