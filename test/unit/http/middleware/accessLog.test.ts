import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { accessLog } from '../../../../src/http/middleware/accessLog.ts';
import type { HttpEnv } from '../../../../src/http/request/env.ts';
import { commonHeaders } from '../../../../src/http/problems/problems.ts';
import type { Metrics } from '../../../../src/http/reports/metrics.ts';
import type { Log } from '../../../../src/log/log.ts';

let lines: Record<string, unknown>[];
let counted: Parameters<Metrics['recordRequest']>[0][];
beforeEach(() => {
  lines = [];
  counted = [];
});

/** Asks an application that does this with a request to `/tasks/…`. @returns the headers that Node would send */
async function ask(requestId?: string, handle: () => void = () => undefined): Promise<Map<string, string>> {
  const app = new Hono<HttpEnv>();
  const log = { info: (facts: Record<string, unknown>) => void lines.push(facts) } as unknown as Log;
  app.use(accessLog(log, { recordRequest: (request) => counted.push(request) }));
  app.get('/tasks/:id', (c) => {
    handle();
    return c.text('here', 201);
  });
  const sent = new Map<string, string>();
  const setHeader = (name: string, value: string) => sent.set(name.toLowerCase(), value);
  const bindings = { outgoing: { setHeader } } as unknown as HttpBindings;
  const headers = requestId === undefined ? {} : { 'x-request-id': requestId };
  await app.request('/tasks/7', { headers }, bindings);
  return sent;
}

describe('the id of a request', () => {
  test.each(['a', 'Trace_1-2=', 'x'.repeat(255)])('is what the client gave it: %s', async (id) => {
    expect((await ask(id)).get('x-request-id')).toBe(id);
    expect(lines).toMatchObject([{ requestId: id }]);
  });

  test.each([undefined, '', 'x'.repeat(256), 'two words', 'a"b', 'a/b', '{a', 'a}'])(
    'is made where that is none: %s',
    async (id) => {
      const made = (await ask(id)).get('x-request-id');
      expect(made).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
      expect(lines).toMatchObject([{ requestId: made }]);
    },
  );
});

test('every answer has the headers that all have', async () => {
  expect(Object.fromEntries(await ask())).toMatchObject(
    Object.fromEntries(Object.entries(commonHeaders).map(([name, value]) => [name.toLowerCase(), value])),
  );
});

test('a request is told and counted by the template of its path, with what its answer took', async () => {
  let now = 100;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  onTestFinished(() => {
    vi.restoreAllMocks();
  });
  await ask('a', () => (now += 1_234.56));
  const asked = { method: 'GET', route: '/tasks/:id', status: 201 };
  expect(lines).toEqual([{ requestId: 'a', ...asked, code: undefined, durationMs: 1_234.6, owner: null }]);
  expect(counted).toMatchObject([asked]);
  expect(counted[0]?.seconds).toBeCloseTo(1.23456, 9);
});
