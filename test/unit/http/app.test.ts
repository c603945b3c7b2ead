import { createHash } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { startHttpApp, type HttpApp } from '../../support/httpApp.ts';

const HEALTHY = { health: () => Promise.resolve({ status: 'healthy' } as never) };
const PAGE = 'https://page.example';

let app: HttpApp;
afterEach(() => app.close());

describe('where no route fits', () => {
  test.each([
    ['PUT', '/tasks', 'GET'],
    ['POST', '/tasks/x', 'GET, DELETE'],
    ['GET', '/tasks/x/cancel', 'POST'],
    ['GET', '/separate', 'POST'],
    ['DELETE', '/health', 'GET'],
  ])('%s %s is told the methods that do: %s', async (method, path, methods) => {
    app = await startHttpApp();
    const answer = await app.ask(path, { method });
    expect([answer.status, await answer.json()]).toMatchObject([
      405,
      { error: { code: 'METHOD_NOT_ALLOWED' } },
    ]);
    const allowed = (answer.headers.get('allow') ?? '').split(', ');
    for (const each of methods.split(', ')) expect(allowed).toContain(each);
    expect(allowed).not.toContain(method);
  });

  test.each(['GET', 'POST', 'DELETE'])(
    '%s of no path of ours is 404, and says where to look',
    async (method) => {
      app = await startHttpApp();
      const answer = await app.ask('/no-such-route', { method });
      expect([answer.status, await answer.json()]).toMatchObject([
        404,
        {
          error: {
            code: 'ROUTE_NOT_FOUND',
            message: 'There is no such route. GET /docs lists all routes.',
          },
        },
      ]);
    },
  );

  test('the 405 says the methods in words too', async () => {
    app = await startHttpApp();
    const answer = await app.ask('/separate');
    expect(((await answer.json()) as { detail: string }).detail).toBe('This route accepts POST.');
  });
});

describe('every answer', () => {
  test('has the id that the request brought, or a new one, and is kept by nobody', async () => {
    app = await startHttpApp(HEALTHY);
    const ids = [];
    for (const given of ['my-id_1=', undefined, undefined, 'two words', 'x'.repeat(255), 'x'.repeat(256)]) {
      const answer = await app.ask(
        '/health',
        given === undefined ? {} : { headers: { 'x-request-id': given } },
      );
      ids.push(answer.headers.get('x-request-id') ?? '');
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    }
    const UUID = /^[0-9a-f-]{36}$/;
    expect(ids[0]).toBe('my-id_1=');
    for (const at of [1, 2, 3, 5]) expect(ids[at]).toMatch(UUID);
    expect(ids[1]).not.toBe(ids[2]);
    expect(ids[4]).toBe('x'.repeat(255));
  });

  test('has a line in the log and is counted, by the route and not by the path', async () => {
    app = await startHttpApp({ ...HEALTHY, tasks: { find: () => Promise.resolve(undefined) } });
    await app.ask('/health', { headers: { 'x-request-id': 'one' } });
    await app.ask('/tasks/some-task', { headers: { 'x-request-id': 'two' } });
    await app.ask('/no-such-route', { headers: { 'x-request-id': 'three' } });
    await expect.poll(() => app.counted.length).toBe(3);
    const seen = [
      { method: 'GET', route: '/api/v1/health', status: 200 },
      { method: 'GET', route: '/api/v1/tasks/:task_id', status: 404 },
      { method: 'GET', route: '/*', status: 404 },
    ];
    expect(app.counted).toMatchObject(seen);
    expect(app.lines.filter(({ msg }) => msg === 'request')).toMatchObject([
      { ...seen[0], requestId: 'one', owner: null },
      { ...seen[1], requestId: 'two', owner: null, code: 'TASK_NOT_FOUND' },
      { ...seen[2], requestId: 'three', owner: null, code: 'ROUTE_NOT_FOUND' },
    ]);
    expect(app.lines[0]).not.toHaveProperty('code');
    for (const [n, { seconds }] of app.counted.entries()) {
      expect(seconds).toBeGreaterThan(0);
      // The log rounds to a tenth of a millisecond.
      expect(Math.abs(Number(app.lines[n]?.['durationMs']) - seconds * 1000)).toBeLessThanOrEqual(0.051);
    }
  });
});

describe('pages of an allowed origin', () => {
  const start = (corsOrigins: string[]) =>
    startHttpApp(HEALTHY, { corsOrigins, rules: { requestsPerHour: 5 } });
  const preflight = () =>
    app.ask('/tasks', {
      method: 'OPTIONS',
      headers: { origin: PAGE, 'access-control-request-method': 'DELETE' },
    });

  test('may ask, and read every header that tells them something', async () => {
    app = await start([PAGE]);
    const answer = await app.ask('/health', { headers: { origin: PAGE } });
    expect(answer.headers.get('access-control-allow-origin')).toBe(PAGE);
    const exposed = (answer.headers.get('access-control-expose-headers') ?? '').toLowerCase().split(',');
    for (const name of [
      'location',
      'idempotent-replayed',
      'etag',
      'content-range',
      'content-disposition',
      'retry-after',
      'server-timing',
      'x-ratelimit-limit',
      'x-ratelimit-remaining',
      'x-ratelimit-reset',
      'x-request-id',
    ])
      expect(exposed).toContain(name);
  });

  test('ask for leave, which counts for nothing and says what is left', async () => {
    app = await start([PAGE]);
    for (let n = 0; n < 2; n += 1) {
      const answer = await preflight();
      expect(answer.status).toBe(204);
      expect(answer.headers.get('access-control-allow-methods')).toContain('DELETE');
      expect(answer.headers.get('x-ratelimit-remaining')).toBe('5');
    }
  });

  test('alone are told so: another origin, or any where none is allowed, is not', async () => {
    app = await start([PAGE]);
    const other = await app.ask('/health', { headers: { origin: 'https://other.example' } });
    expect(other.headers.get('access-control-allow-origin')).not.toBe('https://other.example');
    await app.close();
    app = await start([]);
    const none = await app.ask('/health', { headers: { origin: PAGE } });
    expect(none.headers.has('access-control-allow-origin')).toBe(false);
    const answer = await preflight();
    expect(answer.status).toBe(405);
  });
});

test('without a key nothing changes, from whichever page', async () => {
  const sha256 = createHash('sha256').update('key-of-ann-0123456789').digest('hex');
  app = await startHttpApp({}, { rules: { apiKeys: [{ name: 'ann', sha256 }] } });
  const answer = await app.ask('/tasks/x', { method: 'DELETE', headers: { origin: PAGE } });
  expect(answer.status).toBe(401);
});

test('a page of elsewhere changes nothing', async () => {
  app = await startHttpApp();
  const answer = await app.ask('/tasks/x', { method: 'DELETE', headers: { origin: PAGE } });
  expect([answer.status, await answer.json()]).toMatchObject([403, { error: { code: 'FORBIDDEN_ORIGIN' } }]);
});
