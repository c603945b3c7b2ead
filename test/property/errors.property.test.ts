/** What a client is told when something is wrong: with its request, with the load, or with a model. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import type { ErrorCode } from '../../src/errors.ts';
import { problems } from '../../src/http/problems/problems.ts';
import { call, ended, form, parseProblem, submit, waitForTask } from '../support/client.ts';
import { listModels, type ListedModels } from '../support/listedModels.ts';
import { sendRaw } from '../support/rawHttp.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';
import { makeCheckpoint } from '../unit/models/modelFolder.ts';

// Each holds over many histories, and the machine may be busy with other tests.
vi.setConfig({ testTimeout: 120_000 });

const projectRoot = path.resolve(import.meta.dirname, '../..');
const song = makeWav(0.1);
let server: TestServer;
let models: ListedModels;

beforeAll(async () => {
  models = await listModels({ shaky: { modelType: 'bs_roformer' } });
  server = await startTestServer({ models: models.entries, default_model_type: 'starter' });
});
afterAll(async () => {
  await server.dispose();
  await models.dispose();
});

/** One error, in the one shape, and no word of how the server is made. */
function expectProblem(
  answer: { status: number; headers: Headers; body: string },
  { dataDir }: TestServer = server,
): ErrorCode {
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  const problem = parseProblem(JSON.parse(answer.body));
  const { code, message } = problem.error;
  expect([problem.status, problems[code][0]]).toEqual([answer.status, answer.status]);
  expect([problem.title, problem.type]).toEqual([problems[code][1], `/problems/${code.toLowerCase()}`]);
  expect(message).toMatch(/\S.*[.:]/s);
  expect(problem.detail).toBe(message);
  expect(problem.request_id).toMatch(/\S/);
  expect(answer.headers.get('x-request-id')).toBe(problem.request_id);
  for (const secret of [dataDir, projectRoot, 'no such table', 'node_modules', '\n    at ', 'Traceback']) {
    expect(answer.body).not.toContain(secret);
  }
  return code;
}

type Asked = Omit<RequestInit, 'headers'> & { headers?: Record<string, string> };

async function ask(route: string, init?: RequestInit) {
  const response = await fetch(server.url + route, init);
  return { status: response.status, headers: response.headers, body: await response.text() };
}

const segment = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
  .map(encodeURIComponent)
  .filter((text) => !/^(\.|%2e){1,2}$/i.test(text));
const method = fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS');
const anyBody = fc.oneof(fc.string({ unit: 'binary' }), fc.json());

/** Requests that HTTP allows and the API does not. */
const wrongRequest: fc.Arbitrary<{ route: string; init: RequestInit; codes: readonly string[] }> = fc.oneof(
  fc.record({
    route: fc
      .array(segment, { minLength: 1, maxLength: 4 })
      .map((parts) => `/api/v1/none/${parts.join('/')}`),
    init: fc.record({ method }),
    codes: fc.constant(['ROUTE_NOT_FOUND']),
  }),
  fc.record({
    route: fc.constantFrom('/api/v1/separate', '/api/v1/models', '/api/v1/tasks/x/cancel', '/api/v1/health'),
    init: fc.record({ method: fc.constantFrom('PUT', 'PATCH', 'DELETE') }),
    codes: fc.constant(['METHOD_NOT_ALLOWED']),
  }),
  fc.record({
    route: fc.constant('/api/v1/separate'),
    init: fc.record({
      method: fc.constant('POST'),
      headers: fc
        .constantFrom(
          'application/json',
          'text/plain',
          'multipart/form-data',
          'multipart/form-data; boundary=xx',
        )
        .map((type) => ({ 'content-type': type })),
      body: anyBody,
    }),
    codes: fc.constant(['INVALID_MULTIPART', 'INVALID_PARAMETERS']),
  }),
  fc.record({
    route: fc
      .record({ status: segment, limit: fc.constantFrom('0', '201', '-1', 'x', '1e2'), cursor: segment })
      .map((query) => `/api/v1/tasks?status=${query.status}&limit=${query.limit}&cursor=${query.cursor}`),
    init: fc.constant({}),
    codes: fc.constant(['INVALID_PARAMETERS']),
  }),
  fc.record({
    route: segment.map((name) => `/api/v1/models/no-${name}`),
    init: fc.constant({}),
    codes: fc.constant(['MODEL_NOT_FOUND']),
  }),
  fc.record({
    route: segment.map((id) => `/api/v1/tasks/${id}/cancel`),
    init: fc.record({
      method: fc.constant('POST'),
      headers: fc.domain().map((domain) => ({ origin: `https://${domain}` })),
    }),
    codes: fc.constant(['FORBIDDEN_ORIGIN']),
  }),
);

const junk = fc.stringMatching(/^[!-~]{1,60}$/);
/** Bytes that are no HTTP. */
const noHttp = fc.oneof(
  junk.map((text) => `?${text}\r\n\r\n`),
  junk.map((text) => `GET / HTTP/1.1\r\nHost: localhost\r\n(${text}\r\n\r\n`),
  junk.map((text) => `GET / HTTP/9${text}\r\nHost: localhost\r\n\r\n`),
  junk.map((text) => `POST /api/v1/separate HTTP/1.1\r\nHost: localhost\r\nContent-Length: x${text}\r\n\r\n`),
  fc
    .nat({ max: 4000 })
    .map((more) => `GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'x'.repeat(16_500 + more)}\r\n\r\n`),
);

test('Property 26: every error is one JSON shape with a code, a sentence and the id of the request, whatever was wrong', async () => {
  await fc.assert(
    fc.asyncProperty(wrongRequest, async ({ route, init, codes }) => {
      expect(codes).toContain(expectProblem(await ask(route, init)));
    }),
    { numRuns: 100 },
  );
  await fc.assert(
    fc.asyncProperty(noHttp, async (bytes) => {
      const [answer] = await sendRaw(server.url, [bytes]);
      expect(expectProblem(answer!)).toBe('INVALID_PARAMETERS');
    }),
    { numRuns: 40 },
  );
});

/** What no request of a test brings about at will, and what shows it. */
const ELSEWHERE: Partial<Record<ErrorCode, string>> = {
  SERVER_BUSY: 'test/unit/workers/media/mixtureProbe.test.ts',
};

test('Property 26: every code that there is comes in that shape from a real server, those of its own faults too', async () => {
  const key = 'the-key-of-ann-0123456789';
  const strict = await startTestServer({
    enable_auth: true,
    api_keys: [key],
    max_file_size: 100_000,
    max_audio_duration: 5,
    max_queue_size: 1,
    models: models.entries,
    default_model_type: 'starter',
  });
  onTestFinished(() => strict.dispose());
  const seen = new Set<ErrorCode>();
  const expectCode = (
    code: ErrorCode,
    answer: { status: number; headers: Headers; body: string },
    from = strict,
  ): void => {
    expect([code, expectProblem(answer, from)]).toEqual([code, code]);
    seen.add(code);
  };
  const mine = async (at: string, { headers, ...init }: Asked = {}) => {
    const authorization = `Bearer ${key}`;
    const answer = await fetch(`${strict.url}/api/v1${at}`, {
      ...init,
      headers: { authorization, ...headers },
    });
    return { status: answer.status, headers: answer.headers, body: await answer.text() };
  };
  const post = (bytes: Buffer, fields: Record<string, string> = {}, headers: Record<string, string> = {}) =>
    mine('/separate', { method: 'POST', body: form(fields, { bytes }), headers });
  const taskOf = async (answer: Promise<{ body: string }>) =>
    (JSON.parse((await answer).body) as { task_id: string }).task_id;
  const becomes = (taskId: string, facts: object) =>
    expect
      .poll(async () => JSON.parse((await mine(`/tasks/${taskId}`)).body) as unknown, { timeout: 20_000 })
      .toMatchObject(facts);

  expectCode('UNAUTHORIZED', await mine('/tasks', { headers: { authorization: 'Bearer wrong' } }));
  expectCode(
    'FORBIDDEN_ORIGIN',
    await mine('/tasks/x', { method: 'DELETE', headers: { origin: 'https://a.b' } }),
  );
  expectCode('ROUTE_NOT_FOUND', await mine('/nothing'));
  expectCode('METHOD_NOT_ALLOWED', await mine('/models', { method: 'POST' }));
  expectCode('TASK_NOT_FOUND', await mine('/tasks/none'));
  expectCode('MODEL_NOT_FOUND', await mine('/models/none'));
  expectCode('FILE_NOT_FOUND', await mine('/download/none/drums.wav'));
  expectCode('INVALID_PARAMETERS', await post(song, { use_tta: 'perhaps' }));
  expectCode('INVALID_MULTIPART', await mine('/separate', { method: 'POST', body: 'no form' }));
  expectCode('UNSUPPORTED_FORMAT', await post(Buffer.from('no sound at all, only words')));
  expectCode('INVALID_AUDIO', await post(Buffer.concat([Buffer.from('fLaC'), Buffer.alloc(100)])));
  expectCode('FILE_TOO_LARGE', await post(Buffer.alloc(100_001)));
  expectCode('AUDIO_TOO_LONG', await post(makeWav(6, 1000)));
  await rm(models.checkpointOf('shaky'));
  expectCode('MODEL_UNAVAILABLE', await post(song, { model_type: 'shaky' }));
  await writeFile(models.checkpointOf('shaky'), makeCheckpoint('weights again'));

  await strict.plan('ok', 'fail:SEPARATION_FAILED', 'hang', 'hang');
  const done = await taskOf(post(song, {}, { 'idempotency-key': 'once' }));
  expectCode('IDEMPOTENCY_KEY_REUSED', await post(song, { use_tta: 'true' }, { 'idempotency-key': 'once' }));
  await becomes(done, { status: 'completed' });
  expectCode('TASK_ALREADY_ENDED', await mine(`/tasks/${done}/cancel`, { method: 'POST' }));
  const stem = `/download/${done}/drums.wav`;
  expectCode('RANGE_NOT_SATISFIABLE', await mine(stem, { headers: { range: 'bytes=99999999-' } }));
  const failed = await taskOf(post(song));
  await becomes(failed, { status: 'failed' });
  expectCode('TASK_FAILED', await mine(`/tasks/${failed}/results`));
  const running = await taskOf(post(song));
  await becomes(running, { progress: { stage: 'separating' } });
  expectCode('TASK_NOT_COMPLETED', await mine(`/tasks/${running}/results`));
  await post(song);
  expectCode('QUEUE_FULL', await post(song));

  const database = new Database(path.join(strict.dataDir, 'tasks.db'));
  onTestFinished(() => {
    database.close();
  });
  database.prepare('UPDATE tasks SET files_expired_at = 1 WHERE task_id = ?').run(done);
  expectCode('RESULTS_EXPIRED', await mine(`/tasks/${done}/results`));
  // Whatever the queue is asked, it cannot answer.
  database.exec('ALTER TABLE tasks RENAME TO tasks_away');
  expectCode('INTERNAL', await mine('/tasks'));
  expectCode('INTERNAL', await mine('/tasks/none'));
  expectCode('INTERNAL', await mine('/tasks/none/cancel', { method: 'POST' }));
  expectCode('INTERNAL', await mine('/tasks/none', { method: 'DELETE' }));
  expectCode('INTERNAL', await mine('/metrics'));
  expectCode('INTERNAL', await post(song));
  database.exec('ALTER TABLE tasks_away RENAME TO tasks');
  expectCode('TASK_NOT_FOUND', await mine('/tasks/none'));

  const stopping = strict.stop(20_000);
  expectCode('SHUTTING_DOWN', await post(song));
  await mine(`/tasks/${running}/cancel`, { method: 'POST' });
  await stopping;

  const wide = await startTestServer({
    max_file_size: '1000000TB',
    enable_rate_limit: true,
    requests_per_hour: 2,
  });
  onTestFinished(() => wide.dispose());
  const huge = ['POST /api/v1/separate HTTP/1.1', 'Host: localhost', `Content-Length: ${String(1e15)}`];
  const multipart = 'Content-Type: multipart/form-data; boundary=x';
  const [refused] = await sendRaw(wide.url, [[...huge, multipart, 'Connection: close', '', ''].join('\r\n')]);
  expectCode('INSUFFICIENT_STORAGE', refused!, wide);
  await fetch(`${wide.url}/api/v1/models`);
  const limited = await fetch(`${wide.url}/api/v1/models`);
  const { status, headers } = limited;
  expectCode('RATE_LIMITED', { status, headers, body: await limited.text() }, wide);

  const all = Object.keys(problems).filter((code) => !(code in ELSEWHERE));
  expect([...seen].sort()).toEqual(all.sort());
});

test('Property 27: a full queue refuses with 503 and when to come back, and takes again as soon as there is room', async () => {
  for (const limit of [1, 3]) await overload(limit);
});

/** Lets clients come and leave in any order, at a queue of so many places. */
async function overload(limit: number): Promise<void> {
  const busy = await startTestServer({ max_queue_size: limit });
  onTestFinished(() => busy.dispose());
  await busy.plan('hang');
  const running = await submit(busy.url, form({}, { bytes: song }));
  await waitForTask(busy.url, running.task_id, (task) => task.status === 'processing');
  const waiting: string[] = [];
  const separate = () =>
    call(`${busy.url}/api/v1/separate`, { method: 'POST', body: form({}, { bytes: song }) });
  const leave = () => call(`${busy.url}/api/v1/tasks/${waiting.pop() ?? ''}`, { method: 'DELETE' });

  const step = fc.oneof(
    fc.record({ come: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ leave: fc.integer({ min: 1, max: 3 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
      while (waiting.length > 0) await leave();
      for (const next of steps) {
        if ('leave' in next) {
          for (let n = 0; n < next.leave && waiting.length > 0; n += 1) await leave();
          continue;
        }
        const room = limit - waiting.length;
        const answers = await Promise.all(Array.from({ length: next.come }, separate));
        const accepted = answers.filter(({ status }) => status === 201);
        expect(accepted).toHaveLength(Math.min(room, next.come));
        waiting.push(...accepted.map(({ body }) => (body as { task_id: string }).task_id));
        for (const { status, headers, body } of answers.filter((answer) => answer.status !== 201)) {
          expect([status, parseProblem(body).error.code]).toEqual([503, 'QUEUE_FULL']);
          expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
        }
        // Nothing of a refused upload stays, and what was taken before goes on.
        await expect.poll(() => busy.stored('inputs')).toHaveLength(1 + waiting.length);
        expect((await call(`${busy.url}${running.links.self}`)).body).toMatchObject({
          status: 'processing',
        });
      }
    }),
    { numRuns: 6 },
  );
}

test('Property 29: a model whose files cannot be loaded is answered with 500 at submission until they can, and no other model is', async () => {
  const checkpoint = models.checkpointOf('shaky');
  const sound = makeCheckpoint();
  type Fault = { is: 'missing' | 'folder' | 'refused by the worker' } | { bytes: Buffer };
  const fault: fc.Arbitrary<Fault> = fc.oneof(
    fc.constantFrom<Fault>({ is: 'missing' }, { is: 'folder' }, { is: 'refused by the worker' }),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => ({ bytes: Buffer.from(bytes) })),
    fc.nat({ max: sound.length - 1 }).map((length) => ({ bytes: sound.subarray(0, length) })),
  );
  const separate = (model: string) =>
    ask('/api/v1/separate', { method: 'POST', body: form({ model_type: model }, { bytes: song }) });
  const listed = async () => {
    const { body } = await call(`${server.url}/api/v1/models`);
    return (body as { models: { model_type: string }[] }).models.map((model) => model.model_type);
  };
  let version = 0;

  await fc.assert(
    fc.asyncProperty(fault, async (given) => {
      await rm(checkpoint, { recursive: true, force: true });
      if ('bytes' in given) await writeFile(checkpoint, given.bytes);
      else if (given.is === 'folder') await mkdir(checkpoint);
      else if (given.is === 'refused by the worker') {
        await writeFile(checkpoint, makeCheckpoint(`weights ${String((version += 1))}`));
        await server.plan(`fail:MODEL_UNAVAILABLE:${encodeURIComponent('its weights are of another shape')}`);
        const { task_id } = await submit(server.url, form({ model_type: 'shaky' }, { bytes: song }));
        expect((await waitForTask(server.url, task_id, ended)).status).toBe('failed');
      }
      const refused = await separate('shaky');
      expect([refused.status, expectProblem(refused)]).toEqual([500, 'MODEL_UNAVAILABLE']);
      expect(refused.body).not.toContain(checkpoint);
      expect(refused.body).toContain('"valid_model_types":["starter"]');
      expect(await listed()).toEqual(['starter']);
      expect((await separate('starter')).status).toBe(201);

      await rm(checkpoint, { recursive: true, force: true });
      await writeFile(checkpoint, makeCheckpoint(`weights ${String((version += 1))}`));
      // Waited for, so that the next word of the plan is for the next task.
      const { task_id } = await submit(server.url, form({ model_type: 'shaky' }, { bytes: song }));
      expect((await waitForTask(server.url, task_id, ended)).status).toBe('completed');
      expect(await listed()).toEqual(['shaky', 'starter']);
    }),
    { numRuns: 15, examples: [[{ is: 'refused by the worker' }], [{ is: 'missing' }]] },
  );
});
