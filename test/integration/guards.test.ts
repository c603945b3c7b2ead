/**
 * What stands before every route, tried on all of them: the routes are the router's own, so that a new one is in here
 * without anybody thinking of it.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { problemSchema, taskSchema } from '../../src/http/openapi/schemas.ts';
import { appPaths, appRoutes, OPEN_PATHS } from '../support/appRoutes.ts';
import { call, ended, form, submit, waitForTask } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

vi.setConfig({ testTimeout: 60_000 });

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'MERGE'];
/** Whatever Node reads; a tunnel is another thing, and answered before any route. */
const EVERY_METHOD = http.METHODS.filter((method) => method !== 'CONNECT');
const ANN = 'the-key-of-ann-0123456789';
const BEN = 'the-key-of-ben-0123456789';
const LIMIT = 1_000_000;
const song = () => form({}, { bytes: makeWav(0.2, 8000) });

interface Answer {
  method: string;
  path: string;
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
afterAll(() => {
  agent.destroy();
});

/** One request, just as it is said: `fetch` would change methods and paths. */
async function ask(
  { url }: TestServer,
  method: string,
  at: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const request = http.request({ hostname, port, method, path: at, headers, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode = 0, headers: answered } = response;
        resolve({
          method,
          path: at,
          status: statusCode,
          headers: answered,
          body: Buffer.concat(chunks).toString(),
        });
      });
    });
    request.on('error', reject);
    request.end();
  });
}

/** Every path by every one of these methods. */
async function sweep(
  server: TestServer,
  paths: readonly string[],
  headers: Record<string, string> = {},
  methods: readonly string[] = METHODS,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const at of paths) {
    answers.push(...(await Promise.all(methods.map((method) => ask(server, method, at, headers)))));
  }
  return answers;
}

const told = ({ method, path: at, status }: Answer) => `${method} ${at} ${String(status)}`;
const withKey = (key: string) => ({ authorization: `Bearer ${key}` });

/** Names that lead to something, where there is something. */
const named = (taskId: string) => ({
  task_id: taskId,
  filename: 'drums.wav',
  model_type: 'starter',
  name: 'swagger-ui.css',
});
const pathsFor = (taskId: string) => appPaths(named(taskId));
const openPaths = OPEN_PATHS.map((at) => at.replace(':name', named('').name));
const guardedPaths = (taskId: string) => [
  ...pathsFor(taskId).filter((at) => !openPaths.includes(at)),
  '/no-such-route',
  '/api/v1/no-such-route',
];

test('what needs no key is a closed list, and all of it exists', () => {
  const paths = new Set(appRoutes().map((route) => route.path));
  expect(OPEN_PATHS.filter((at) => !paths.has(at))).toEqual([]);
  expect(paths.size).toBeGreaterThan(OPEN_PATHS.length + 8);
});

describe('with authentication and a limit', () => {
  let server: TestServer;
  /** Of Ann, completed. */
  let taskId: string;

  beforeAll(async () => {
    server = await startTestServer({
      enable_auth: true,
      api_keys: [
        { name: 'ann', key: ANN },
        { name: 'ben', key: BEN },
      ],
      enable_rate_limit: true,
      requests_per_hour: LIMIT,
    });
    const api = `${server.url}/api/v1`;
    const mine = { headers: withKey(ANN) };
    const made = await call(`${api}/separate`, { ...mine, method: 'POST', body: song() });
    taskId = taskSchema.parse(made.body).task_id;
    await vi.waitUntil(
      async () => ended(taskSchema.parse((await call(`${api}/tasks/${taskId}`, mine)).body)),
      { timeout: 20_000 },
    );
  });
  afterAll(() => server.dispose());

  test.each([
    ['no key', {}],
    ['a key that is none', withKey(`${ANN}x`)],
    ['an empty key', withKey('')],
    ['a key under another scheme', { authorization: `Basic ${ANN}` }],
    ['a key in another header', { 'x-api-key': ANN, cookie: `key=${ANN}` }],
  ])('%s is refused on every route that is not open, by every method', async (_what, headers) => {
    const answers = await sweep(server, guardedPaths(taskId), headers);
    expect(answers.filter(({ status }) => status !== 401).map(told)).toEqual([]);
    for (const answer of answers) {
      expect(answer.headers['www-authenticate'], told(answer)).toMatch(/^Bearer/);
      expect(answer.headers['x-ratelimit-limit'], told(answer)).toBe(String(LIMIT));
    }
    // And nothing was done.
    expect((await ask(server, 'GET', `/api/v1/download/${taskId}/drums.wav`, withKey(ANN))).status).toBe(200);
  });

  test('no method that Node reads gets around it, nor does another spelling of a path', async () => {
    const every = await sweep(server, [`/api/v1/tasks/${taskId}`], {}, EVERY_METHOD);
    expect(every.filter(({ status }) => status !== 401).map(told)).toEqual([]);
    const spellings = guardedPaths(taskId).flatMap((at) => [
      `${at}/`,
      `/${at}`,
      `/docs/..${at}`,
      `/docs/%2e%2e${at}`,
      `/docs/..%2f..${at}`,
      `/api/v1/health/..${at.replace('/api/v1', '')}`,
      `${at}?x=/docs/`,
      at.toUpperCase(),
      at.replace('a', '%61'),
      `${at};/docs`,
      `${at}%00`,
    ]);
    const answers = await sweep(server, spellings, {}, ['GET', 'HEAD', 'DELETE']);
    // What is open and not there may say so.
    expect(answers.filter(({ status }) => ![400, 401, 404, 405].includes(status)).map(told)).toEqual([]);
  });

  test('a good key is never refused as one, and what is open needs none', async () => {
    const mine = await sweep(server, guardedPaths(randomUUID()), withKey(BEN));
    expect(mine.filter(({ status }) => status === 401).map(told)).toEqual([]);
    for (const headers of [{}, withKey('wrong'), withKey(BEN)]) {
      const open = await sweep(server, openPaths, headers);
      expect(open.filter(({ status }) => [401, 403].includes(status)).map(told)).toEqual([]);
      const isBad = ({ method, status }: Answer) => ['GET', 'HEAD'].includes(method) && status >= 400;
      expect(open.filter(isBad).map(told)).toEqual([]);
    }
  });

  test("another key's task is answered as one that is not there, on every route that names a task", async () => {
    const missing = randomUUID();
    const naming = appRoutes().filter((route) => route.path.includes(':task_id'));
    expect(naming.length).toBeGreaterThan(4);
    const of = (id: string) => pathsFor(id).filter((at) => at.includes(id));
    const theirs = await sweep(server, of(taskId), withKey(BEN));
    const nobodys = await sweep(server, of(missing), withKey(BEN));
    const plain = ({ method, path: at, status, headers, body }: Answer, id: string) => {
      const requestId = String(headers['x-request-id']);
      const isOfAll = ([name]: [string, unknown]) => !/^(date$|x-request-id$|x-ratelimit-)/.test(name);
      const rest = Object.entries(headers).filter(isOfAll);
      const text = JSON.stringify({ method, at, status, rest, body });
      return text.replaceAll(id, '{id}').replaceAll(requestId, '{request}');
    };
    expect(theirs.map((answer) => plain(answer, taskId))).toEqual(
      nobodys.map((answer) => plain(answer, missing)),
    );
    expect(theirs.filter(({ status }) => status !== 404 && status !== 405).map(told)).toEqual([]);
    const { body } = await ask(server, 'GET', '/api/v1/tasks?limit=200', withKey(BEN));
    expect(body).not.toContain(taskId);
    expect((await ask(server, 'GET', `/api/v1/tasks/${taskId}`, withKey(ANN))).status).toBe(200);
  });

  test('every request to what is not open counts once, whatever comes of it, and none to what is', async () => {
    const left = async () => {
      const { headers } = await ask(server, 'GET', '/api/v1/tasks', withKey(BEN));
      return Number(headers['x-ratelimit-remaining']);
    };
    const before = await left();
    const answers = await sweep(server, guardedPaths(randomUUID()), withKey(BEN));
    expect(before - (await left())).toBe(answers.length + 1);
    for (const answer of answers) {
      for (const name of ['limit', 'remaining', 'reset']) {
        expect(answer.headers[`x-ratelimit-${name}`], told(answer)).toMatch(/^\d+$/);
      }
    }
    const now = await left();
    await sweep(server, openPaths, withKey(BEN));
    expect(now - (await left())).toBe(1);
  });
});

test('with nothing left of the hour every route that is not open is refused by every method, and says when to come back', async () => {
  const server = await startTestServer({ enable_rate_limit: true, requests_per_hour: 1 });
  try {
    expect((await ask(server, 'GET', '/api/v1/tasks')).status).toBe(200);
    const answers = await sweep(server, guardedPaths(randomUUID()));
    expect(answers.filter(({ status }) => status !== 429).map(told)).toEqual([]);
    for (const answer of answers) expect(answer.headers['retry-after'], told(answer)).toMatch(/^[1-9]\d*$/);
    expect((await ask(server, 'GET', '/api/v1/health')).status).toBe(200);
  } finally {
    await server.dispose();
  }
});

describe('without authentication', () => {
  let server: TestServer;
  let taskId: string;
  const everyPath = () => [...pathsFor(taskId), '/no-such-route'];

  beforeAll(async () => {
    server = await startTestServer({ log_file: 'server.log' });
    ({ task_id: taskId } = await submit(server.url, song()));
    await waitForTask(server.url, taskId, ended);
  });
  afterAll(() => server.dispose());

  test('a page of elsewhere can change nothing, on any route', async () => {
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1']) {
      const answers = await sweep(server, everyPath(), { origin }, ['POST', 'PUT', 'PATCH', 'DELETE']);
      expect(answers.filter(({ status }) => status !== 403).map(told)).toEqual([]);
    }
    expect((await ask(server, 'GET', `/api/v1/tasks/${taskId}`)).status).toBe(200);
  });

  test('a Host that is not ours is refused on every route, by every method', async () => {
    for (const host of ['evil.example', 'evil.example:8000', '127.0.0.1.evil.example']) {
      const answers = await sweep(server, everyPath(), { host });
      expect(answers.filter(({ status }) => status !== 403).map(told)).toEqual([]);
    }
  });

  test('every answer brings back the id of its request; every refusal is of the one shape; a HEAD is its GET without the body', async () => {
    const missing = pathsFor(randomUUID());
    const answers = [
      ...(await sweep(server, [...missing, '/no-such-route'], { 'x-request-id': 'given-by-a-client' })),
      ...(await sweep(server, everyPath(), { host: 'evil.example', 'x-request-id': 'given-by-a-client' })),
    ];
    for (const answer of answers) {
      expect(answer.headers['x-request-id'], told(answer)).toBe('given-by-a-client');
      if (answer.method === 'HEAD') expect(answer.body, told(answer)).toBe('');
      if (answer.status < 400 || answer.method === 'HEAD') continue;
      expect(answer.headers['content-type'], told(answer)).toBe('application/problem+json');
      const problem = problemSchema.strict().parse(JSON.parse(answer.body));
      expect(problem, told(answer)).toMatchObject({
        status: answer.status,
        request_id: 'given-by-a-client',
        instance: answer.path,
      });
    }
    const heads = await sweep(server, everyPath(), {}, ['HEAD']);
    for (const head of heads) {
      const get = await ask(server, 'GET', head.path);
      expect(told({ ...head, method: 'GET' })).toBe(told(get));
      expect(head.headers['content-type'], head.path).toBe(get.headers['content-type']);
    }
  });

  test('a method that no route takes is 405, with those that one does', async () => {
    const taken = new Map<string, Set<string>>();
    for (const { method, path: at } of appRoutes()) taken.set(at, (taken.get(at) ?? new Set()).add(method));
    for (const [at, methods] of taken) {
      const [filled = ''] = appPaths(named(randomUUID())).filter((each) => matches(at, each));
      const others = EVERY_METHOD.filter((method) => !methods.has(method) && method !== 'HEAD');
      for (const answer of await sweep(server, [filled], {}, others)) {
        expect(answer.status, told(answer)).toBe(405);
        const allowed = String(answer.headers.allow).split(', ');
        expect(allowed, told(answer)).toEqual(expect.arrayContaining([...methods]));
        expect(allowed, told(answer)).not.toContain(answer.method);
      }
    }
  });

  test('every request leaves one line in the log, of its method, route and status', async () => {
    const asked = new Map<string, { method: string; path: string }>();
    const answered = new Map<string, number>();
    for (const at of everyPath().filter((each) => !each.includes(taskId))) {
      for (const method of METHODS) {
        const id = randomUUID();
        asked.set(id, { method, path: at });
        answered.set(id, (await ask(server, method, at, { 'x-request-id': id })).status);
      }
    }
    const lines = async () => {
      const text = await readFile(path.join(server.dataDir, 'server.log'), 'utf8');
      const entries = text.split('\n').filter(Boolean);
      return entries
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter(({ msg, requestId }) => msg === 'request' && asked.has(String(requestId)));
    };
    await expect.poll(async () => (await lines()).length).toBe(asked.size);
    const known = new Set(appRoutes().map((route) => route.path));
    for (const { requestId, method, status, route } of await lines()) {
      const id = String(requestId);
      expect([method, status]).toEqual([asked.get(id)?.method, answered.get(id)]);
      expect(known.has(String(route)) || route === '/*', String(route)).toBe(true);
      if (status !== 404 && status !== 405)
        expect(matches(String(route), asked.get(id)?.path ?? '')).toBe(true);
      asked.delete(id);
    }
    expect([...asked]).toEqual([]);
  });
});

/** Whether a path is one of a route. */
const matches = (route: string, at: string) =>
  new RegExp(`^${route.replaceAll(/:\w+(?:\{[^}]*\})?/g, '[^/]+').replaceAll('*', '.*')}$`).test(at);
