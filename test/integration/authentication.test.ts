/** API keys and the limit of requests, through the real server. */
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { taskSchema } from '../../src/http/openapi/schemas.ts';
import { guardedRoutes, OPEN_PATHS } from '../support/appRoutes.ts';
import { call, ended, form, parseProblem, submit, type WireTask } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

const ANN = 'the-key-of-ann-0123456789';
const BEN = 'the-key-of-ben-0123456789';
const LIMIT = 10_000;
const song = makeWav(0.5);

let server: TestServer;
let ownerless: WireTask;

const asKey = (key: string, init: RequestInit = {}): RequestInit => ({
  ...init,
  headers: { ...(init.headers as Record<string, string>), authorization: `Bearer ${key}` },
});
const ask = (path: string, init?: RequestInit) => call(`${server.url}/api/v1${path}`, init);
const remaining = (answer: { headers: Headers }) => Number(answer.headers.get('x-ratelimit-remaining'));

async function submitAs(key: string): Promise<WireTask> {
  const answer = await ask('/separate', asKey(key, { method: 'POST', body: form({}, { bytes: song }) }));
  expect(answer.status).toBe(201);
  return taskSchema.parse(answer.body);
}

beforeAll(async () => {
  // A task from before authentication was on.
  server = await startTestServer();
  ownerless = await submit(server.url, form({}, { bytes: song }));
  await server.stop();
  server = await startTestServer(
    {
      enable_auth: true,
      api_keys: [
        { name: 'ann', key: ANN },
        { name: 'ben', sha256: createHash('sha256').update(BEN).digest('hex') },
      ],
      enable_rate_limit: true,
      requests_per_hour: LIMIT,
      cors_origins: ['https://app.example'],
    },
    server.dataDir,
  );
});
afterAll(() => server.dispose());

const id = randomUUID();
const ROUTES = guardedRoutes({ task_id: id, filename: 'drums.wav', model_type: 'starter' });

describe('a request without a good key', () => {
  test.each(ROUTES)('%s %s is answered 401, with a challenge and the limit', async (method, path) => {
    const none = await ask(path, { method });
    expect([none.status, parseProblem(none.body).error.code]).toEqual([401, 'UNAUTHORIZED']);
    expect(none.headers.get('www-authenticate')).toBe('Bearer');
    expect(none.headers.get('content-type')).toBe('application/problem+json');
    expect(none.headers.get('x-ratelimit-limit')).toBe(String(LIMIT));

    const wrong = await ask(path, asKey(`${ANN}x`, { method }));
    expect([wrong.status, parseProblem(wrong.body).error.code]).toEqual([401, 'UNAUTHORIZED']);
    expect(wrong.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
    expect(JSON.stringify(wrong.body)).not.toContain(ANN);
    expect(remaining(wrong)).toBe(remaining(none) - 1);
  });

  test('is refused the same whether the task is there or not', async () => {
    const { task_id } = await submitAs(ANN);
    const there = await ask(`/tasks/${task_id}`);
    const missing = await ask(`/tasks/${id}`);
    expect(anonymous(there.body, task_id)).toEqual(anonymous(missing.body, id));
  });

  test('is answered before its body is read', async () => {
    const before = await server.stored('inputs');
    // Nothing of the body ever comes: only an answer without it ends this.
    const waiting = await rawUpload(['Expect: 100-continue', 'Content-Length: 50000000']);
    expect(waiting).toMatch(/^HTTP\/1\.1 401 /);
    expect(waiting).toMatch(/^connection: close\r$/im);
    expect(waiting).not.toContain('100 Continue');
    const silent = await rawUpload(['Content-Length: 50000000']);
    expect(silent).toMatch(/^HTTP\/1\.1 401 /);
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(new Uint8Array(1_000_000));
      },
    });
    const streaming = await ask('/separate', {
      method: 'POST',
      body: endless,
      headers: { 'content-type': 'multipart/form-data; boundary=xx' },
      duplex: 'half',
    });
    expect([streaming.status, parseProblem(streaming.body).error.code]).toEqual([401, 'UNAUTHORIZED']);
    expect(await server.stored('inputs')).toEqual(before);
  });
});

describe('a good key', () => {
  test('is continued with its upload when it waits for that', async () => {
    const answer = await rawUpload([
      'Expect: 100-continue',
      'Content-Length: 9',
      `Authorization: Bearer ${ANN}`,
    ]);
    expect(answer).toMatch(/^HTTP\/1\.1 100 Continue/);
  });

  test('sees its own tasks through every route, another one of them nothing', async () => {
    const { task_id } = await submitAs(ANN);
    const asAnn = async () => taskSchema.parse((await ask(`/tasks/${task_id}`, asKey(ANN))).body);
    await expect.poll(async () => ended(await asAnn()), { timeout: 15_000 }).toBe(true);
    const stem = `/download/${task_id}/drums.wav`;
    const download = await fetch(`${server.url}/api/v1${stem}`, asKey(ANN));
    expect([download.status, (await download.arrayBuffer()).byteLength > 0]).toEqual([200, true]);
    expect((await ask(`/tasks/${task_id}/results`, asKey(ANN))).status).toBe(200);

    for (const [method, path] of [
      ['GET', `/tasks/${task_id}`],
      ['DELETE', `/tasks/${task_id}`],
      ['POST', `/tasks/${task_id}/cancel`],
      ['GET', `/tasks/${task_id}/results`],
      ['GET', stem],
    ] as const) {
      const foreign = await ask(path, asKey(BEN, { method }));
      const missing = await ask(path.replace(task_id, id), asKey(BEN, { method }));
      expect([foreign.status, missing.status]).toEqual([404, 404]);
      expect(anonymous(foreign.body, task_id)).toEqual(anonymous(missing.body, id));
    }
    expect(await listed(ANN)).toContain(task_id);
    expect(await listed(BEN)).not.toContain(task_id);
    expect((await ask(`/tasks/${task_id}`, asKey(ANN, { method: 'DELETE' }))).status).toBe(204);
  });

  test('sees no task from before authentication was on', async () => {
    for (const key of [ANN, BEN]) {
      expect((await ask(`/tasks/${ownerless.task_id}`, asKey(key))).status).toBe(404);
      expect(await listed(key)).not.toContain(ownerless.task_id);
    }
  });

  test.each(ROUTES)(
    '%s %s is answered with what is left of its hour, whatever the answer',
    async (method, path) => {
      const before = Date.now() / 1000;
      const first = await ask(path, asKey(BEN, { method }));
      const second = await ask(path, asKey(BEN, { method }));
      expect(first.status).not.toBe(401);
      expect(first.headers.get('x-ratelimit-limit')).toBe(String(LIMIT));
      expect(remaining(second)).toBe(remaining(first) - 1);
      const reset = Number(second.headers.get('x-ratelimit-reset'));
      expect(Number.isInteger(reset)).toBe(true);
      expect(reset).toBeGreaterThan(before);
      expect(reset).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000) + 3600);
    },
  );
});

describe('without a key and uncounted', () => {
  test.each(OPEN_PATHS.map((path) => path.replace(':name', 'swagger-ui.css')))('%s', async (path) => {
    const left = [];
    for (let n = 0; n < 2; n += 1) {
      const answer = await fetch(server.url + path);
      await answer.arrayBuffer();
      expect([answer.status, answer.headers.get('x-ratelimit-limit')]).toEqual([200, String(LIMIT)]);
      left.push(answer.headers.get('x-ratelimit-remaining'));
    }
    expect(left[1]).toBe(left[0]);
  });

  test('is a preflight; a page reads the limit from the answer itself', async () => {
    const origin = 'https://app.example';
    const preflight = await fetch(`${server.url}/api/v1/separate`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe(origin);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization');
    expect(preflight.headers.get('x-ratelimit-limit')).toBe(String(LIMIT));

    for (const [init, status] of [
      [asKey(ANN, { headers: { origin } }), 200],
      [{ headers: { origin } }, 401],
    ] as const) {
      const answer = await ask('/tasks', init);
      expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([status, origin]);
      for (const name of ['Limit', 'Remaining', 'Reset']) {
        expect(answer.headers.get('access-control-expose-headers')).toContain(`X-RateLimit-${name}`);
        expect(answer.headers.get(`x-ratelimit-${name}`)).toMatch(/^\d+$/);
      }
    }
  });
});

test('the document says how a key is sent, and what every rated route answers without one', async () => {
  const document = (await call(`${server.url}/openapi.json`)).body as {
    security: object[];
    components: { securitySchemes: object };
    paths: Record<
      string,
      Record<string, { security?: object[]; responses: Record<string, { headers?: object }> }>
    >;
  };
  expect(document.components.securitySchemes).toHaveProperty('bearerAuth.scheme', 'bearer');
  expect(document.security).toEqual([{ bearerAuth: [] }]);
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const { security, responses } of Object.values(methods)) {
      if (['/api/v1/health', '/api/v1/docs', '/api/v1/openapi.json'].includes(path)) {
        expect(security).toEqual([]);
        continue;
      }
      expect(security).toBeUndefined();
      expect(responses['401']?.headers).toHaveProperty('WWW-Authenticate');
      expect(responses['429']?.headers).toHaveProperty('Retry-After');
    }
  }
});

test('one request too many is answered 429 before its body is read, and health still 200', async () => {
  const limited = await startTestServer({ enable_rate_limit: true, requests_per_hour: 3 });
  try {
    const tasks = `${limited.url}/api/v1/tasks`;
    // Without authentication nobody needs a key, and a wrong one does not matter.
    const lefts = [];
    for (const init of [{}, asKey(ANN), {}]) {
      const answer = await call(tasks, init);
      expect(answer.status).toBe(200);
      lefts.push(remaining(answer));
    }
    expect(lefts).toEqual([2, 1, 0]);
    const refused = await call(tasks);
    expect([refused.status, parseProblem(refused.body).error.code]).toEqual([429, 'RATE_LIMITED']);
    expect(remaining(refused)).toBe(0);
    const wait = Number(refused.headers.get('retry-after'));
    expect(wait).toBeGreaterThan(3590);
    expect(wait).toBeLessThanOrEqual(3600);

    const upload = await rawUpload(['Expect: 100-continue', 'Content-Length: 50000000'], limited);
    expect(upload).toMatch(/^HTTP\/1\.1 429 /);
    expect(upload).not.toContain('100 Continue');
    expect((await call(`${limited.url}/api/v1/health`)).status).toBe(200);
  } finally {
    await limited.dispose();
  }
});

test('with both off, no key is needed and nothing is counted', async () => {
  const open = await startTestServer({ api_keys: [ANN] });
  try {
    for (const init of [{}, asKey(ANN), asKey('wrong-key')]) {
      const answer = await call(`${open.url}/api/v1/tasks`, init);
      expect([answer.status, answer.headers.has('x-ratelimit-limit')]).toEqual([200, false]);
    }
  } finally {
    await open.dispose();
  }
});

/** A problem without what tells one request from another. */
function anonymous(body: unknown, taskId: string): unknown {
  return { ...parseProblem(JSON.parse(JSON.stringify(body).replaceAll(taskId, '{id}'))), request_id: '' };
}

async function listed(key: string): Promise<string[]> {
  const { body } = await ask('/tasks?limit=200', asKey(key));
  return (body as { tasks: WireTask[] }).tasks.map((task) => task.task_id);
}

/** Sends the head of an upload and nothing of its body, and gives the first of the answer. */
async function rawUpload(headers: string[], to = server): Promise<string> {
  const socket = net.connect(Number(new URL(to.url).port), '127.0.0.1');
  const type = 'Content-Type: multipart/form-data; boundary=xx';
  socket.write(['POST /api/v1/separate HTTP/1.1', 'Host: localhost', type, ...headers, '', ''].join('\r\n'));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return answer.toString();
}
