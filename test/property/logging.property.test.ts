import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { taskPageSchema } from '../../src/http/openapi/schemas.ts';
import { call, form } from '../support/client.ts';
import { uploadSlowly } from '../support/slowUpload.ts';
import { standInsOf } from '../support/standIn/standIns.ts';
import { eventually, passSeconds, stopClocks } from '../support/stoppedClock.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { toldTask } from '../support/toldWorker.ts';
import { makeWav } from '../support/wav.ts';

vi.setConfig({ testTimeout: 60_000 });

interface Entry extends Record<string, unknown> {
  level: number;
  time: string;
  msg: string;
}

const KEYS = { ann: 'the-key-of-ann-0123456789', ben: 'the-key-of-ben-0123456789' };
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({
    enable_auth: true,
    api_keys: Object.entries(KEYS).map(([name, key]) => ({ name, key })),
    enable_rate_limit: true,
    requests_per_hour: 100_000,
    log_file: 'logs/server.log',
    log_level: 'trace',
  });
});
afterAll(() => server.dispose());

/** Every log file there is, as text. */
async function allLogs(): Promise<string> {
  const folder = path.join(server.dataDir, 'logs');
  const texts = (await readdir(folder)).map((name) => readFile(path.join(folder, name), 'utf8'));
  return (await Promise.all(texts)).join('');
}

const word = fc.stringMatching(/^[a-zA-Z0-9_.~-]{1,20}$/).filter((text) => !/^\.+$/.test(text));
/** A path, with the template that the log names it by. */
const place = fc.oneof(
  fc.constant({ at: '/api/v1/models', route: '/api/v1/models' }),
  fc.constant({ at: '/api/v1/tasks', route: '/api/v1/tasks' }),
  fc.constant({ at: '/api/v1/health', route: '/api/v1/health' }),
  fc.constant({ at: '/api/v1/metrics', route: '/api/v1/metrics' }),
  fc.constant({ at: '/openapi.json', route: '/openapi.json' }),
  word.map((id) => ({ at: `/api/v1/tasks/${id}`, route: '/api/v1/tasks/:task_id' })),
  word.map((id) => ({ at: `/api/v1/tasks/${id}/results`, route: '/api/v1/tasks/:task_id/results' })),
  word.map((id) => ({ at: `/api/v1/models/${id}`, route: '/api/v1/models/:model_type' })),
  fc.tuple(word, word).map(([id, file]) => ({
    at: `/api/v1/download/${id}/${file}`,
    route: '/api/v1/download/:task_id/:filename',
  })),
  word.map((rest) => ({ at: `/nowhere/${rest}`, route: '/*' })),
);
const credential = fc.oneof(
  fc.constantFrom<{ key: string; owner: string | null }>(
    { key: KEYS.ann, owner: 'ann' },
    { key: KEYS.ben, owner: 'ben' },
  ),
  fc.stringMatching(/^wrong-[a-zA-Z0-9]{16,30}$/).map((key) => ({ key, owner: null })),
  fc.constant(null),
);
const request = fc.record({
  place,
  credential,
  method: fc.constantFrom('GET', 'HEAD'),
  query: fc.option(
    fc.tuple(word, word).map(([name, value]) => `?${name}=${value}`),
    { nil: '' },
  ),
  requestId: fc.option(fc.stringMatching(/^[a-zA-Z0-9_-]{8,40}$/)),
});

const isOpen = (at: string) => at.endsWith('/health') || at.endsWith('/openapi.json');

test('Property 39: every request leaves exactly one line with its id, method, route, status, duration and key name, and never the key', async () => {
  const submission = fc.record({
    credential,
    fields: fc.dictionary(fc.constantFrom('use_tta', 'model_type', 'pcm_type', 'secret-field'), word),
    hasFile: fc.boolean(),
  });
  const secrets = new Set<string>(Object.values(KEYS));
  const given: { id: string; expected: Record<string, unknown> }[] = [];
  const note = (response: Response, expected: Record<string, unknown>) => {
    given.push({
      id: response.headers.get('x-request-id') ?? '',
      expected: { ...expected, status: response.status },
    });
  };
  const headersOf = (who: { key: string } | null): Record<string, string> => {
    if (who) secrets.add(who.key);
    return who ? { authorization: `Bearer ${who.key}` } : {};
  };

  await fc.assert(
    fc.asyncProperty(request, async (each) => {
      const headers = headersOf(each.credential);
      if (each.requestId !== null) headers['x-request-id'] = each.requestId;
      const response = await fetch(server.url + each.place.at + each.query, { method: each.method, headers });
      await response.arrayBuffer();
      const owner = isOpen(each.place.at) ? null : (each.credential?.owner ?? null);
      note(response, { method: each.method, route: each.place.route, owner });
      if (each.requestId !== null) expect(response.headers.get('x-request-id')).toBe(each.requestId);
    }),
    { numRuns: 120 },
  );
  await fc.assert(
    fc.asyncProperty(submission, async ({ credential: who, fields, hasFile }) => {
      const body = form(fields, hasFile ? { bytes: makeWav(0.1, 8000) } : undefined);
      const response = await fetch(`${server.url}/api/v1/separate`, {
        method: 'POST',
        headers: headersOf(who),
        body,
      });
      await response.arrayBuffer();
      note(response, { method: 'POST', route: '/api/v1/separate', owner: who?.owner ?? null });
    }),
    { numRuns: 15 },
  );

  const text = await allLogs();
  const lines = text.trimEnd().split('\n');
  const entries = lines.map((line) => JSON.parse(line) as Entry);
  for (const { level, time, msg } of entries) {
    expect([typeof level, typeof msg, new Date(time).toISOString()]).toEqual(['number', 'string', time]);
  }
  const requests = entries.filter((entry) => entry.msg === 'request');
  expect(requests).toHaveLength(given.length);
  for (const [at, { id, expected }] of given.entries()) {
    expect(requests[at]).toMatchObject({ requestId: id, ...expected });
    expect(requests[at]?.['durationMs']).toBeGreaterThanOrEqual(0);
  }
  for (const secret of secrets) expect(text).not.toContain(secret);
});

test('Property 39: every task leaves its times in the log, truly, an error its stack, and a request the time it took', async () => {
  stopClocks();
  const timed = await startTestServer({ log_file: 'logs/server.log' });
  onTestFinished(async () => {
    await timed.dispose();
    vi.useRealTimers();
  });
  await standInsOf(timed).waitToBeTold();
  const seconds = fc.integer({ min: 0, max: 900_000 }).map((milliseconds) => milliseconds / 1000);
  const course = fc.record({
    waits: fc.integer({ min: 0, max: 99_999 }).map((tenths) => tenths / 10_000),
    loading: seconds,
    separating: seconds,
    encoding: seconds,
    failure: fc.option(fc.constantFrom('SEPARATION_FAILED', 'INVALID_AUDIO', 'INTERNAL')),
  });
  const linesOf = async (facts: Record<string, unknown>) => {
    const text = await readFile(path.join(timed.dataDir, 'logs/server.log'), 'utf8');
    const entries = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Entry);
    return entries.filter((entry) => Object.entries(facts).every(([key, value]) => entry[key] === value));
  };
  const now = () => new Date().toISOString();
  const newest = async () => {
    const { body } = await call(`${timed.url}/api/v1/tasks?limit=1`);
    const [task] = taskPageSchema.parse(body).tasks;
    if (!task) throw new Error('there is no task');
    return task;
  };
  const isIn = (stage: string) =>
    eventually(async () => {
      expect((await newest()).progress).toMatchObject({ stage, updated_at: now() });
    });
  let requests = 0;

  await fc.assert(
    fc.asyncProperty(course, async ({ waits, loading, separating, encoding, failure }) => {
      requests += 1;
      const requestId = `upload-${String(requests)}`;
      await uploadSlowly(timed, { requestId, file: makeWav(1, 8000) }, () => {
        passSeconds(waits);
      });
      const durationMs = Math.round(waits * 10_000) / 10;
      const [request, ...more] = await linesOf({ msg: 'request', requestId });
      expect([request, more]).toMatchObject([{ method: 'POST', status: 201, durationMs, time: now() }, []]);

      const { task_id: taskId } = await newest();
      await eventually(async () => {
        const begun = { event: 'begin', task_id: taskId };
        expect(await standInsOf(timed).diary()).toContainEqual(expect.objectContaining(begun));
      });
      const startedAt = now();
      const told = toldTask(timed, taskId, 1);
      passSeconds(loading);
      await told.report('separating', 1, 2);
      await isIn('separating');
      passSeconds(separating);
      await told.report('encoding');
      await isIn('encoding');
      passSeconds(encoding);
      await (failure === null ? told.answer() : told.fail(failure));
      await eventually(async () => {
        expect((await newest()).status).toBe(failure === null ? 'completed' : 'failed');
      });
      const processingSeconds = expect.closeTo(loading + separating + encoding, 3) as number;
      const stageSeconds = {
        loading_model: expect.closeTo(loading, 3) as number,
        separating: expect.closeTo(separating, 3) as number,
        encoding: expect.closeTo(encoding, 3) as number,
      };
      const where = { attempt: 1, modelType: 'starter' };
      expect(await linesOf({ msg: 'task status', taskId })).toMatchObject([
        { status: 'pending', requestId, time: startedAt },
        { status: 'processing', ...where, time: startedAt },
        {
          ...{ ...where, status: failure === null ? 'completed' : 'failed', time: now() },
          ...{ processingSeconds, stageSeconds },
        },
      ]);
      expect((await newest()).processing_seconds).toEqual(processingSeconds);
      // The reason, where it failed, with the stacks of both sides; and nothing like it where it did not.
      const error = {
        traceback: 'Traceback: the plan said so',
        err: { stack: expect.stringMatching(/\n {4}at /) as string },
      };
      expect(await linesOf({ level: 50, taskId })).toMatchObject(failure === null ? [] : [error]);
    }),
    { numRuns: 10, endOnFailure: true },
  );

  // What goes wrong in the server itself, too.
  const database = new Database(path.join(timed.dataDir, 'tasks.db'));
  database.exec('ALTER TABLE tasks RENAME TO tasks_away');
  const headers = { 'x-request-id': 'that-failed' };
  expect((await call(`${timed.url}/api/v1/tasks/none`, { headers })).status).toBe(500);
  database.exec('ALTER TABLE tasks_away RENAME TO tasks');
  database.close();
  const [failed] = await linesOf({ level: 50, requestId: 'that-failed' });
  expect(failed).toMatchObject({ err: { stack: expect.stringMatching(/\n {4}at /) as string } });
});
