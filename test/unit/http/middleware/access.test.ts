import { createHash } from 'node:crypto';
import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { createAccess, type AccessRules } from '../../../../src/http/middleware/access.ts';
import { accessLog } from '../../../../src/http/middleware/accessLog.ts';
import type { HttpEnv } from '../../../../src/http/request/env.ts';
import { answerError } from '../../../../src/http/middleware/errors.ts';
import { OPEN_PATHS } from '../../../support/appRoutes.ts';
import { ManualClock } from '../../../support/manualClock.ts';

const KEY = 'key-of-ann-0123456789';
const apiKeys = [{ name: 'ann', sha256: createHash('sha256').update(KEY).digest('hex') }];

/** What Node would hand in: where a request comes from, and the headers that its answer has already. */
const bindings = (remoteAddress: string, headers: Headers) =>
  ({
    incoming: { socket: { remoteAddress } },
    outgoing: {
      setHeader: (name: string, value: string) => {
        headers.set(name, value);
      },
    },
  }) as unknown as HttpBindings;

/** An application behind these rules; it answers with the owner. `log` holds every line, parsed. */
function appWith(rules: Partial<AccessRules>) {
  const lines: string[] = [];
  const app = new Hono<HttpEnv>();
  const log = pino({ base: null }, { write: (line: string) => lines.push(line) });
  app.use(accessLog(log, { recordRequest: () => undefined }));
  const off = { apiKeys: null, requestsPerHour: null, trustProxy: false, clock: new ManualClock() };
  app.use(createAccess({ ...off, ...rules }).admit);
  app.all('*', (c) => c.text(String(c.get('owner'))));
  app.onError(answerError);
  return {
    lines,
    log: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    async ask(path: string, headers: Record<string, string> = {}, remoteAddress = '192.0.2.7') {
      const answered = new Headers();
      const { status, body } = await app.request(path, { headers }, bindings(remoteAddress, answered));
      return { status, headers: answered, text: () => new Response(body).text() };
    },
  };
}

test.each(OPEN_PATHS)('%s needs no key and is not counted', async (path) => {
  const { ask } = appWith({ apiKeys, requestsPerHour: 1 });
  for (let n = 0; n < 3; n += 1) {
    const { status, headers } = await ask(path);
    const left = ['x-ratelimit-limit', 'x-ratelimit-remaining'].map((name) => headers.get(name));
    expect([status, ...left]).toEqual([200, '1', '1']);
  }
  await ask('/tasks', { authorization: `Bearer ${KEY}` });
  const of = async (headers: Record<string, string>) =>
    (await ask(path, headers)).headers.get('x-ratelimit-remaining');
  expect([
    await of({ authorization: `Bearer ${KEY}` }),
    await of({}),
    await of({ authorization: 'x' }),
  ]).toEqual(['0', '1', '1']);
});

test.each([
  '/api/v1/tasks',
  '/api/v1/docs/x',
  '/docsx',
  '/api/v1/health/',
  '/api/v1/healthy',
  '/api/v1/HEALTH',
  '//docs',
  '/api/v1//health',
  '/api/v1/tasks?x=/docs/',
  '/docs%2f..%2fapi/v1/tasks',
  '/api/v1/docs/../tasks',
])('%s needs one', async (path) => {
  expect((await appWith({ apiKeys }).ask(path)).status).toBe(401);
});

describe('what the log says', () => {
  test('of a refused key is that and from where, never the key', async () => {
    const { ask, log, lines } = appWith({ apiKeys });
    await ask('/tasks', { authorization: `Bearer ${KEY}x` });
    expect(log()[0]).toMatchObject({ level: 40, code: 'UNAUTHORIZED', owner: null, address: '192.0.2.7' });
    expect(log()[1]).toMatchObject({ msg: 'request', status: 401, owner: null });
    expect(lines.join('')).not.toContain(KEY);
  });

  test('of a request is whose key it had, never the key', async () => {
    const { ask, log, lines } = appWith({ apiKeys, requestsPerHour: 1 });
    expect(await (await ask('/tasks', { authorization: `Bearer ${KEY}` })).text()).toBe('ann');
    await ask('/tasks', { authorization: `Bearer ${KEY}` });
    expect(log()).toMatchObject([
      { msg: 'request', status: 200, owner: 'ann' },
      { level: 40, code: 'RATE_LIMITED', owner: 'ann' },
      { msg: 'request', status: 429, owner: 'ann' },
    ]);
    expect(lines.join('')).not.toContain(KEY);
  });
});

describe('what a request counts for', () => {
  test('is its address while authentication is off, whatever it says in headers', async () => {
    const { ask } = appWith({ requestsPerHour: 2 });
    const statuses = [];
    for (const forged of ['1.1.1.1', '2.2.2.2', '3.3.3.3'])
      statuses.push((await ask('/tasks', { 'x-forwarded-for': forged, authorization: forged })).status);
    expect(statuses).toEqual([200, 200, 429]);
    expect((await ask('/tasks', {}, '192.0.2.8')).status).toBe(200);
  });

  test('is the address that a trusted proxy names', async () => {
    const { ask } = appWith({ requestsPerHour: 1, trustProxy: true });
    const from = async (forwarded: string) => (await ask('/tasks', { 'x-forwarded-for': forwarded })).status;
    expect([await from('9.9.9.9, 1.1.1.1'), await from('8.8.8.8, 1.1.1.1'), await from('2.2.2.2')]).toEqual([
      200, 429, 200,
    ]);
  });

  test('is the key where there is a good one, and the address for every bad or missing one', async () => {
    const { ask } = appWith({ apiKeys, requestsPerHour: 2 });
    const withKey = async (key: string, address?: string) =>
      (await ask('/tasks', key === '' ? {} : { authorization: `Bearer ${key}` }, address)).status;
    expect([await withKey('wrong'), await withKey(''), await withKey('wrong 2')]).toEqual([401, 401, 429]);
    // One key is one caller, from wherever it comes.
    expect([await withKey(KEY), await withKey(KEY, '192.0.2.9'), await withKey(KEY)]).toEqual([
      200, 200, 429,
    ]);
  });
});
