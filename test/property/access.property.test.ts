/** Who is let in, and how often: the real server, whose hours pass as fast as a test wants. */
import { createHash, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { guardedRoutes, OPEN_PATHS } from '../support/appRoutes.ts';
import { call, form, parseProblem, submit } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

const song = makeWav(0.1);
const KEYS = ['the-first-key-0123456789', 'The~second!key"#$%&()*+', `third-${'x'.repeat(200)}`] as const;
const apiKeys = [
  KEYS[0],
  { name: 'second', key: KEYS[1] },
  { name: 'third', sha256: createHash('sha256').update(KEYS[2]).digest('hex') },
];

/** Every route that needs a key, for any task. */
const routesFor = (taskId: string) =>
  guardedRoutes({ task_id: taskId, filename: 'drums.wav', model_type: 'starter' });
const openRoutes = OPEN_PATHS.map((path) => path.replace(':name', 'swagger-ui.css'));

describe('with authentication', () => {
  let server: TestServer;
  let taskId: string;
  const api = (path: string, init?: RequestInit) => call(`${server.url}/api/v1${path}`, init);
  const withKey = (key: string) => ({ authorization: `Bearer ${key}` });
  const body = () => form({}, { bytes: song });

  beforeAll(async () => {
    server = await startTestServer({ enable_auth: true, api_keys: apiKeys });
    await server.plan('hang');
    const answer = await api('/separate', { method: 'POST', headers: withKey(KEYS[0]), body: body() });
    taskId = (answer.body as { task_id: string }).task_id;
  });
  afterAll(() => server.dispose());

  const key = fc.constantFrom(...KEYS);
  const visible = fc.stringMatching(/^[!-~]{1,40}$/);
  /** A key that is nearly one: a character more, less or another. */
  const nearKey = fc
    .tuple(key, fc.nat({ max: 300 }), fc.stringMatching(/^[!-~]?$/), fc.nat({ max: 1 }))
    .map(([whole, at, inserted, removed]) => {
      const place = at % whole.length;
      return whole.slice(0, place) + inserted + whole.slice(place + removed);
    })
    .filter((text) => !(KEYS as readonly string[]).includes(text));
  const badHeader = fc.oneof(
    fc.constantFrom(undefined, '', 'Bearer', 'Bearer ', 'Bearer null', 'Bearer undefined'),
    visible,
    nearKey.map((near) => `Bearer ${near}`),
    fc
      .tuple(fc.constantFrom('Basic', 'Token', 'Digest', 'ApiKey', 'Bearers'), key)
      .map((both) => both.join(' ')),
    key,
    fc.tuple(key, visible).map(([good, more]) => `Bearer ${good} ${more}`),
    fc.tuple(key, key).map(([one, other]) => `Bearer ${one},${other}`),
    key.map((good) => `Bearer "${good}"`),
    key.map((good) => `Bearer ${Buffer.from(good).toString('base64')}`),
  );

  test('Property 30: every request without a known key is refused with 401 on every route, and one with it never is', async () => {
    const route = fc.nat({ max: routesFor('').length - 1 });
    const isThere = fc.boolean();
    await fc.assert(
      fc.asyncProperty(route, isThere, badHeader, key, async (n, isMine, authorization, good) => {
        const [method, path] = routesFor(isMine ? taskId : randomUUID())[n] ?? ['GET', '/tasks'];
        const before = await server.stored('inputs');
        const upload = () => (path === '/separate' ? { body: body() } : {});
        const refused = await api(`${path}?api_key=${good}`.replaceAll('#', '%23'), {
          method,
          headers: { ...(authorization === undefined ? {} : { authorization }), 'x-api-key': good },
          ...upload(),
        });
        expect([refused.status, parseProblem(refused.body).error.code]).toEqual([401, 'UNAUTHORIZED']);
        expect(refused.headers.get('www-authenticate')).toMatch(/^Bearer/);
        for (const known of KEYS) expect(JSON.stringify(refused.body)).not.toContain(known);
        expect(await server.stored('inputs')).toEqual(before);
        expect((await api(`/tasks/${taskId}`, { headers: withKey(KEYS[0]) })).status).toBe(200);

        // As its owner it could be deleted, after which there would be nothing to protect.
        if (isMine && good === KEYS[0] && method !== 'GET') return;
        const served = await fetch(`${server.url}/api/v1${path}`, {
          method,
          headers: withKey(good),
          ...upload(),
        });
        await served.arrayBuffer();
        expect(served.status).not.toBe(401);
        if (path === '/separate') {
          const location = served.headers.get('location') ?? '';
          await call(server.url + location, { method: 'DELETE', headers: withKey(good) });
        }
      }),
      { numRuns: 60 },
    );
    for (const open of openRoutes) {
      const answer = await fetch(server.url + open);
      await answer.arrayBuffer();
      expect([open, answer.status]).toEqual([open, 200]);
    }
  });
});

test('Property 31: with authentication off no request needs a key, and a wrong one does not matter', async () => {
  const server = await startTestServer({ enable_auth: false, api_keys: apiKeys });
  try {
    await server.plan('hang');
    const { task_id } = await submit(server.url, form({}, { bytes: song }));
    for (const authorization of [undefined, 'Bearer wrong-key', 'Basic x', `Bearer ${KEYS[0]}`]) {
      const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
      const statuses: Record<string, number> = {};
      for (const [method, path] of routesFor(task_id)) {
        // These two end the task that the others ask for: below, once.
        if (method === 'DELETE' || path.endsWith('/cancel')) continue;
        const upload = path === '/separate' ? { body: form({}, { bytes: song }) } : {};
        const answer = await call(`${server.url}/api/v1${path}`, { method, headers, ...upload });
        statuses[`${method} ${path.replace(task_id, 'ID')}`] = answer.status;
      }
      expect(statuses).toEqual({
        'POST /separate': 201,
        'GET /tasks': 200,
        'GET /tasks/ID': 200,
        'GET /tasks/ID/results': 409,
        'GET /download/ID/drums.wav': 404,
        'GET /models': 200,
        'GET /models/starter': 200,
        'GET /metrics': 200,
        'GET /no-such-route': 404,
        'PUT /tasks': 405,
      });
    }
    expect((await call(`${server.url}/api/v1/tasks/${task_id}/cancel`, { method: 'POST' })).status).toBe(200);
    expect((await call(`${server.url}/api/v1/tasks/${task_id}`, { method: 'DELETE' })).status).toBe(204);
  } finally {
    await server.dispose();
  }
});

describe('with rate limiting', () => {
  const LIMIT = 4;
  const HOUR_MS = 3_600_000;
  // As many as all runs together can use up, with those of shrinking.
  const keys = Array.from({ length: 2000 }, (_, n) => `a-key-for-one-run-${String(n)}`);
  let server: TestServer;
  let callers = 0;

  beforeAll(async () => {
    server = await startTestServer({
      enable_auth: true,
      api_keys: keys,
      enable_rate_limit: true,
      requests_per_hour: LIMIT,
      trust_proxy: true,
    });
  });
  afterAll(() => server.dispose());
  // The server runs in this process: its clocks stand still, and go on as the steps say.
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'], now: Date.now() });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Nobody has called as this one before: by a key of its own, or as a stranger from an address of its own. */
  function newCaller(hasKey: boolean): {
    headers: Record<string, string>;
    hasKey: boolean;
    accepted: number[];
  } {
    callers += 1;
    const address = `10.${String(callers >> 16)}.${String((callers >> 8) & 255)}.${String(callers & 255)}`;
    const headers = hasKey ? { authorization: `Bearer ${keys.pop() ?? ''}` } : { 'x-forwarded-for': address };
    return { headers, hasKey, accepted: [] };
  }

  const step = fc.record({
    caller: fc.nat({ max: 2 }),
    route: fc.nat({ max: routesFor('').length - 1 }),
    waitMs: fc.oneof(
      { weight: 2, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.constantFrom(1, HOUR_MS - 1, HOUR_MS, HOUR_MS + 1) },
      { weight: 2, arbitrary: fc.integer({ min: 0, max: HOUR_MS / 3 }) },
    ),
  });
  const steps = fc.array(step, { minLength: 1, maxLength: 25 });
  const haveKeys = fc.tuple(fc.boolean(), fc.boolean(), fc.boolean());

  /** Takes the steps, and tells of each answer what the caller had left of its hour, by a count of our own. */
  async function takeSteps(
    who: boolean[],
    taken: readonly { caller: number; route: number; waitMs: number }[],
    check: (
      answer: Awaited<ReturnType<typeof call>>,
      expected: { isAccepted: boolean; hasKey: boolean; left: number; freeAtMs: number },
    ) => void,
  ): Promise<void> {
    const all = who.map(newCaller);
    for (const { caller, route, waitMs } of taken) {
      vi.advanceTimersByTime(waitMs);
      const from = all[caller] ?? newCaller(true);
      const now = Date.now();
      const ofLastHour = from.accepted.filter((time) => time > now - HOUR_MS);
      const isAccepted = ofLastHour.length < LIMIT;
      if (isAccepted) ofLastHour.push(now);
      from.accepted = ofLastHour;

      const [method, path] = routesFor(randomUUID())[route] ?? ['GET', '/tasks'];
      const answer = await call(`${server.url}/api/v1${path}`, { method, headers: from.headers });
      const freeAtMs = (ofLastHour[0] ?? now) + HOUR_MS;
      check(answer, { isAccepted, hasKey: from.hasKey, left: LIMIT - ofLastHour.length, freeAtMs });
    }
    // Whatever is exempt is exempt for who has nothing left, too.
    for (const { headers } of all)
      expect((await fetch(`${server.url}/api/v1/health`, { headers })).status).toBe(200);
  }

  test('Property 32: in any hour a caller is served as often as the limit says and no more, is told when to come back, and takes nothing from others', async () => {
    await fc.assert(
      fc.asyncProperty(haveKeys, steps, (who, taken) =>
        takeSteps(who, taken, ({ status, headers, body }, { isAccepted, hasKey, freeAtMs }) => {
          if (!isAccepted) {
            expect([status, parseProblem(body).error.code]).toEqual([429, 'RATE_LIMITED']);
            const seconds = Math.ceil((freeAtMs - Date.now()) / 1000);
            expect(headers.get('retry-after')).toBe(String(Math.max(1, seconds)));
          } else if (hasKey) {
            expect([401, 429]).not.toContain(status);
          } else {
            expect(status).toBe(401);
          }
        }),
      ),
      { numRuns: 25 },
    );
  });

  test('Property 33: every answer to a counted request says the limit, what is left of it and when the oldest request leaves the hour', async () => {
    await fc.assert(
      fc.asyncProperty(haveKeys, steps, (who, taken) =>
        takeSteps(who, taken, ({ headers }, { left, freeAtMs }) => {
          expect(headers.get('x-ratelimit-limit')).toBe(String(LIMIT));
          expect(headers.get('x-ratelimit-remaining')).toBe(String(left));
          expect(headers.get('x-ratelimit-reset')).toBe(String(Math.ceil(freeAtMs / 1000)));
        }),
      ),
      { numRuns: 25 },
    );
  });
});
