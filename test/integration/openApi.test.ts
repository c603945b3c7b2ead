/** What the document says of answers, held against their schemas and against the answers of a running server. */
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { z } from 'zod';
import {
  healthSchema,
  metricsSchema,
  modelListSchema,
  modelSchema,
  problemSchema,
  resultsSchema,
  taskPageSchema,
  taskSchema,
} from '../../src/http/openapi/schemas.ts';
import { problems } from '../../src/http/problems/problems.ts';
import { ended, form, submit, waitForTask } from '../support/client.ts';
import { fetchDocument, operationsOf, type OpenApiDocument } from '../support/openApi.ts';
import { watchRequestReads, type RequestRead } from '../support/requestReads.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

const schemas: Record<string, z.ZodType> = {
  Health: healthSchema,
  Metrics: metricsSchema,
  Model: modelSchema,
  ModelList: modelListSchema,
  Problem: problemSchema,
  Results: resultsSchema,
  Task: taskSchema,
  TaskPage: taskPageSchema,
};

let server: TestServer;
let document: OpenApiDocument;
let reads: RequestRead[];
/** A task that is completed, one that failed, and what belongs to neither. */
let ids: { completed: string; failed: string };

beforeAll(async () => {
  reads = watchRequestReads();
  server = await startTestServer({ enable_rate_limit: true });
  document = await fetchDocument(server.url);
  const song = form({}, { bytes: makeWav(0.5) });
  await server.plan('ok', 'fail:SEPARATION_FAILED');
  const [completed, failed] = [await submit(server.url, song), await submit(server.url, song)];
  for (const { task_id } of [completed, failed]) await waitForTask(server.url, task_id, ended);
  ids = { completed: completed.task_id, failed: failed.task_id };
});
afterAll(async () => {
  vi.restoreAllMocks();
  await server.dispose();
});

/** The schema that a documented body names; undefined: it is no JSON of ours. */
const schemaNamed = (schema: object) =>
  '$ref' in schema ? schemas[String(schema.$ref).replace('#/components/schemas/', '')] : undefined;

test('every example of an answer is one that its schema allows, with nothing besides', () => {
  let checked = 0;
  for (const { method, path, operation } of operationsOf(document)) {
    for (const [status, { content }] of Object.entries(operation.responses)) {
      for (const { schema, examples } of Object.values(content ?? {})) {
        const named = schemaNamed(schema);
        for (const [name, { value }] of Object.entries(examples ?? {})) {
          if (!named) continue;
          expect(named.parse(value), `${method} ${path} ${status} ${name}`).toEqual(value);
          checked += 1;
        }
      }
    }
  }
  expect(checked).toBeGreaterThan(100);
});

test('every error code is documented under its own status, and every task status in an example', () => {
  const codes = new Map<string, Set<number>>();
  const statuses = new Set<string>();
  for (const { operation } of operationsOf(document)) {
    for (const [status, { content }] of Object.entries(operation.responses)) {
      for (const code of Object.keys(content?.['application/problem+json']?.examples ?? {})) {
        codes.set(code, (codes.get(code) ?? new Set()).add(Number(status)));
      }
    }
    for (const { value } of Object.values(
      operation.responses['200']?.content?.['application/json']?.examples ?? {},
    )) {
      const parsed = taskSchema.safeParse(value);
      if (parsed.success) statuses.add(parsed.data.status);
    }
  }
  expect(Object.fromEntries([...codes].map(([code, of]) => [code, [...of]]))).toEqual(
    Object.fromEntries(Object.entries(problems).map(([code, [status]]) => [code, [status]])),
  );
  expect([...statuses].sort()).toEqual(['cancelled', 'completed', 'failed', 'pending', 'processing']);
});

test('every link leads to an operation, by parameters that it has', () => {
  const operations = operationsOf(document);
  const followed = new Set<string>();
  for (const { operation } of operations) {
    for (const answer of Object.values(operation.responses)) {
      for (const { operationId, parameters } of Object.values(answer.links ?? {})) {
        const target = operations.find((each) => each.operation.operationId === operationId);
        const names = target?.operation.parameters?.map((parameter) => parameter.name);
        expect(names, operationId).toEqual(expect.arrayContaining(Object.keys(parameters)));
        followed.add(operationId);
      }
    }
  }
  expect([...followed].sort()).toEqual([
    'cancelTask',
    'deleteTask',
    'downloadStem',
    'getModel',
    'getResults',
    'getTask',
    'listTasks',
  ]);
});

/** What any HTTP server says of its answers, its connections and its pages. */
const OF_HTTP = new Set([
  ...['connection', 'content-length', 'content-type', 'date', 'keep-alive', 'transfer-encoding'],
  ...['cache-control', 'x-content-type-options', 'content-security-policy'],
]);

/** Sends a request and holds its answer against what the document says of it. */
async function expectDocumented(
  method: string,
  template: string,
  options: { parameters?: Record<string, string>; query?: string; init?: RequestInit; at?: TestServer } = {},
): Promise<{ status: number; code?: string; headers: Headers }> {
  const { parameters = {}, query = '', init = {}, at = server } = options;
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(parameters[name] ?? ''),
  );
  const response = await fetch(at.url + path + query, { ...init, method });
  const content = await response.text();
  const documented =
    document.paths[template]![method.toLowerCase()] ?? Object.values(document.paths[template]!)[0]!;
  const answer = documented.responses[String(response.status)];
  if (!answer) throw new Error(`${method} ${path}: ${String(response.status)} is not documented`);

  const isError = response.status >= 400;
  for (const name of Object.keys(answer.headers ?? {})) {
    // An error says by headers what concerns its own code; a server without limits says nothing of them.
    if (isError && !name.startsWith('X-')) continue;
    // Only on what came again; the test of submitting sends something again.
    if (name === 'Idempotent-Replayed') continue;
    expect(response.headers.has(name), `${method} ${path}: ${name}`).toBe(true);
  }
  const described = new Set(Object.keys(answer.headers ?? {}).map((name) => name.toLowerCase()));
  const untold = [...response.headers.keys()].filter((name) => !described.has(name) && !OF_HTTP.has(name));
  expect(
    untold,
    `${method} ${path} ${String(response.status)}: headers of which the document says nothing`,
  ).toEqual([]);
  const status = { status: response.status, headers: response.headers };
  const type = response.headers.get('content-type')?.split(';')[0] ?? '';
  expect(response.headers.get('x-content-type-options'), `${method} ${path}`).toBe('nosniff');
  // A stem never changes; whatever else is said holds for now, and for who asked.
  const isKept = template.includes('/download/') && !isError;
  expect(response.headers.get('cache-control'), `${method} ${path}`).toBe(
    isKept ? 'private, max-age=31536000, immutable' : 'no-store',
  );
  if (content === '') return status;
  const documentedBody = answer.content?.[type];
  if (!documentedBody) throw new Error(`${method} ${path}: ${type} is not documented`);
  const named = schemaNamed(documentedBody.schema);
  if (!named) return status;

  const body = JSON.parse(content) as Record<string, unknown>;
  expect(named.parse(body)).toEqual(body);
  const examples = documentedBody.examples ?? {};
  const problem = problemSchema.safeParse(body);
  const code = problem.data?.error.code;
  const example = code === undefined ? Object.values(examples)[0] : examples[code];
  if (!example) throw new Error(`${method} ${path}: ${String(code)} has no example`);
  expect(Object.keys(body).sort()).toEqual(Object.keys(example.value as object).sort());
  if (code !== undefined) {
    const { type: kind, title, status: number } = problemSchema.parse(example.value);
    expect(problem.data).toMatchObject({ type: kind, title, status: number });
    return { ...status, code };
  }
  return status;
}

describe('the document is what a client gets from', () => {
  const api = '/api/v1';
  const task = `${api}/tasks/{task_id}`;
  const download = `${api}/download/{task_id}/{filename}`;

  test('submitting', async () => {
    const separate = (body: RequestInit['body'], headers: Record<string, string> = {}) =>
      expectDocumented('POST', `${api}/separate`, { init: { body: body ?? null, headers } });
    expect(await separate(form({}, { bytes: makeWav(0.5) }))).toMatchObject({ status: 201 });
    const keyed = (fields: Record<string, string>) =>
      separate(form(fields, { bytes: makeWav(0.5) }), { 'idempotency-key': 'documented' });
    expect((await keyed({})).headers.has('idempotent-replayed')).toBe(false);
    expect((await keyed({})).headers.get('idempotent-replayed')).toBe('true');
    expect(await keyed({ use_tta: 'true' })).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    expect(await separate('no form')).toMatchObject({ code: 'INVALID_MULTIPART' });
    expect(await separate(form({ model_type: 'statrer' }))).toMatchObject({ code: 'INVALID_PARAMETERS' });
    expect(await separate(form({}, { bytes: Buffer.from('no audio') }))).toMatchObject({
      code: 'UNSUPPORTED_FORMAT',
    });
    expect(await separate(form({}, { bytes: Buffer.alloc(0) }))).toMatchObject({ code: 'INVALID_AUDIO' });
  });

  test('tasks', async () => {
    const completed = { parameters: { task_id: ids.completed } };
    const nobody = { parameters: { task_id: 'nobody' } };
    expect(await expectDocumented('GET', `${api}/tasks`)).toMatchObject({ status: 200 });
    expect(await expectDocumented('GET', `${api}/tasks`, { query: '?limit=500' })).toMatchObject({
      code: 'INVALID_PARAMETERS',
    });
    expect(await expectDocumented('GET', `${api}/tasks`, { query: '?limit=1&limit=2' })).toMatchObject({
      code: 'INVALID_PARAMETERS',
    });
    expect(await expectDocumented('GET', task, completed)).toMatchObject({ status: 200 });
    expect(await expectDocumented('POST', `${task}/cancel`, completed)).toMatchObject({
      code: 'TASK_ALREADY_ENDED',
    });
    for (const [method, path] of [
      ['GET', task],
      ['DELETE', task],
      ['POST', `${task}/cancel`],
      ['GET', `${task}/results`],
    ] as const) {
      expect(await expectDocumented(method, path, nobody)).toMatchObject({ code: 'TASK_NOT_FOUND' });
    }
    expect(await expectDocumented('GET', task, { parameters: { task_id: '' } })).toMatchObject({
      code: 'ROUTE_NOT_FOUND',
    });
  });

  test('results and downloads, after which the task is deleted', async () => {
    const parameters = { task_id: ids.completed, filename: 'drums.wav' };
    const stem = async (method: string, headers: Record<string, string>, filename = 'drums.wav') => {
      const answer = await expectDocumented(method, download, {
        parameters: { ...parameters, filename },
        init: { headers },
      });
      return [answer.status, answer.code];
    };
    expect(await expectDocumented('GET', `${task}/results`, { parameters })).toMatchObject({ status: 200 });
    expect(
      await expectDocumented('GET', `${task}/results`, { parameters: { task_id: ids.failed } }),
    ).toMatchObject({ code: 'TASK_FAILED' });
    for (const method of ['GET', 'HEAD']) {
      expect(await stem(method, {})).toEqual([200, undefined]);
      expect(await stem(method, { 'if-none-match': '*' })).toEqual([304, undefined]);
    }
    expect(await stem('HEAD', {}, 'nothing.wav')).toEqual([404, undefined]);
    expect(await stem('GET', {}, 'nothing.wav')).toEqual([404, 'FILE_NOT_FOUND']);
    expect(await stem('GET', { range: 'bytes=0-9' })).toEqual([206, undefined]);
    expect(await stem('GET', { range: 'bytes=999999999-' })).toEqual([416, 'RANGE_NOT_SATISFIABLE']);
    expect(await expectDocumented('DELETE', task, { parameters })).toMatchObject({ status: 204 });
  });

  test('models, health, figures and the document itself', async () => {
    for (const path of ['models', 'health', 'metrics', 'openapi.json', 'docs']) {
      expect(await expectDocumented('GET', `${api}/${path}`)).toMatchObject({ status: 200 });
    }
    const model = (model_type: string) =>
      expectDocumented('GET', `${api}/models/{model_type}`, { parameters: { model_type } });
    expect(await model('starter')).toMatchObject({ status: 200 });
    expect(await model('statrer')).toMatchObject({ code: 'MODEL_NOT_FOUND' });
    const asText = { init: { headers: { accept: 'text/plain' } } };
    expect(await expectDocumented('GET', `${api}/metrics`, asText)).toMatchObject({ status: 200 });
  });

  test('a wrong method, on every path: Allow is as documented', async () => {
    for (const [template, methods] of Object.entries(document.paths)) {
      const parameters = { task_id: ids.completed, model_type: 'starter', filename: 'drums.wav' };
      const { code, headers } = await expectDocumented('PUT', template, { parameters });
      expect(code, template).toBe('METHOD_NOT_ALLOWED');
      for (const { responses } of Object.values(methods)) {
        expect(responses['405']?.headers?.['Allow']).toMatchObject({ example: headers.get('allow') });
      }
    }
  });

  test('a request that cannot be read as HTTP', async () => {
    const socket = net.connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.end('no request\r\n\r\n');
    const [head, body] = (await text(socket)).split('\r\n\r\n') as [string, string];
    const problem = problemSchema.parse(JSON.parse(body));
    expect(head).toContain('HTTP/1.1 400');
    expect(head).toContain(`x-request-id: ${problem.request_id}`);
    expect(problem.error.code).toBe('INVALID_PARAMETERS');
  });

  test('a foreign page, a missing key and one request too many', async () => {
    const foreign = { init: { headers: { origin: 'https://elsewhere.example' } } };
    expect(
      await expectDocumented('POST', `${task}/cancel`, { ...foreign, parameters: { task_id: 'x' } }),
    ).toMatchObject({ code: 'FORBIDDEN_ORIGIN' });

    const strict = await startTestServer({
      enable_auth: true,
      api_keys: ['0123456789abcdef'],
      enable_rate_limit: true,
      requests_per_hour: 1,
    });
    try {
      const first = await expectDocumented('GET', `${api}/models`, { at: strict });
      expect([first.code, first.headers.has('www-authenticate')]).toEqual(['UNAUTHORIZED', true]);
      const second = await expectDocumented('GET', `${api}/models`, { at: strict });
      expect([second.code, second.headers.has('retry-after')]).toEqual(['RATE_LIMITED', true]);
    } finally {
      await strict.dispose();
    }
  });
});

/** What may stand in any request: told of once, by the security scheme or the introduction, or of HTTP and browsers. */
const OF_ANY_REQUEST = new Set([
  ...['accept', 'content-encoding', 'content-length', 'content-type', 'expect', 'host', 'transfer-encoding'],
  ...['authorization', 'origin', 'x-forwarded-for', 'x-request-id'],
]);

/** Last of all: what was read while the tests above asked every operation for everything that it gives. */
test('the document names every header and query parameter that its operations read, and no other', () => {
  const operations = operationsOf(document).map(({ method, path, operation }) => ({
    named: `${method} ${path}`,
    asks: ({ method: asked, path: of }: RequestRead) =>
      asked === method && new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(of),
    documented: (operation.parameters ?? [])
      .filter((parameter) => parameter.in !== 'path')
      .map((parameter) => `${parameter.in} ${parameter.name.toLowerCase()}`)
      .sort(),
  }));
  for (const { named, asks, documented } of operations) {
    const read = reads.filter((one) => asks(one) && !OF_ANY_REQUEST.has(one.name));
    expect([...new Set(read.map((one) => `${one.in} ${one.name}`))].sort(), named).toEqual(documented);
  }
});

test('the document names every field that a submission may have, and no other', async () => {
  const { requestBody } = document.paths['/api/v1/separate']!['post']!;
  const { schema } = requestBody!.content['multipart/form-data']!;
  const body = form({ no_such_field: '1' }, { bytes: makeWav(0.5) });
  const answer = await fetch(`${server.url}/api/v1/separate`, { method: 'POST', body });
  const { error } = problemSchema.parse(await answer.json());
  const [refused] = (error.details as { params: { allowed: string }[] }).params;
  expect(refused?.allowed.split(', ').sort()).toEqual(Object.keys(schema.properties ?? {}).sort());
});
