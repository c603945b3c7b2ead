import { Hono } from 'hono';
import { requestId } from 'hono/request-id';
import { describe, expect, test } from 'vitest';
import type { HttpEnv } from '../../../../src/http/request/env.ts';
import { answerError } from '../../../../src/http/middleware/errors.ts';
import { originGuard } from '../../../../src/http/middleware/originGuard.ts';
import { createLog } from '../../../../src/log/log.ts';

async function ask(
  headers: Record<string, string>,
  given: { method?: string; allowedOrigins?: string[]; publicUrl?: string; needsKey?: boolean } = {},
): Promise<number> {
  const app = new Hono<HttpEnv>();
  app.use(requestId());
  app.use(async (c, next) => {
    c.set('rootLog', createLog('silent'));
    await next();
  });
  const { allowedOrigins = [], publicUrl = '', needsKey = false } = given;
  app.use(originGuard({ allowedOrigins, publicUrl, needsKey }));
  app.all('/', (c) => c.text('done'));
  app.onError(answerError);
  const request = { method: given.method ?? 'POST', headers: { host: 'localhost:8000', ...headers } };
  return (await app.request('/', request)).status;
}

describe('the Host of a request', () => {
  test.each([
    'localhost',
    'localhost:8000',
    'LOCALHOST:1',
    '127.0.0.1:8000',
    '[::1]:8000',
    '[::1]',
    '192.168.1.5',
  ])('may be an address or localhost: %s', async (host) => {
    expect(await ask({ host }, { method: 'GET' })).toBe(200);
  });

  test.each([
    'evil.example',
    'evil.example:8000',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '',
    '1.2.3',
  ])('that a page elsewhere could point here is refused, even for reading: %j', async (host) => {
    expect(await ask({ host }, { method: 'GET' })).toBe(403);
  });

  test('may be that of public_url, and of no other name', async () => {
    const publicUrl = 'https://stems.example/base';
    expect(await ask({ host: 'stems.example' }, { publicUrl })).toBe(200);
    expect(await ask({ host: 'Stems.Example' }, { publicUrl })).toBe(200);
    expect(await ask({ host: 'other.example' }, { publicUrl })).toBe(403);
  });
});

test('with authentication, the Host may be any and the Origin still may not', async () => {
  expect(await ask({ host: 'stems.example' }, { needsKey: true })).toBe(200);
  const origin = 'https://evil.example';
  expect(await ask({ host: 'stems.example', origin }, { needsKey: true })).toBe(403);
});

describe('the Origin of a changing request', () => {
  test.each(['POST', 'PUT', 'PATCH', 'DELETE'])('of elsewhere is refused: %s', async (method) => {
    expect(await ask({ origin: 'https://evil.example' }, { method })).toBe(403);
    expect(await ask({ origin: 'null' }, { method })).toBe(403);
  });

  test.each(['GET', 'HEAD', 'OPTIONS'])(
    'does not matter for one that changes nothing: %s',
    async (method) => {
      expect(await ask({ origin: 'https://evil.example' }, { method })).toBe(200);
    },
  );

  test('may be missing: no browser, no page', async () => {
    expect(await ask({})).toBe(200);
  });

  test('may be our own', async () => {
    expect(await ask({ origin: 'http://localhost:8000' })).toBe(200);
    expect(await ask({ origin: 'http://localhost:9000' })).toBe(403);
    const publicUrl = 'https://stems.example/base';
    expect(await ask({ origin: 'https://stems.example' }, { publicUrl })).toBe(200);
  });

  test('may be an allowed one, exactly', async () => {
    const allowedOrigins = ['https://app.example'];
    expect(await ask({ origin: 'https://app.example' }, { allowedOrigins })).toBe(200);
    expect(await ask({ origin: 'http://app.example' }, { allowedOrigins })).toBe(403);
    expect(await ask({ origin: 'https://app.example.evil.example' }, { allowedOrigins })).toBe(403);
    expect(await ask({ origin: 'https://app.example:8443' }, { allowedOrigins })).toBe(403);
  });
});
