import { setImmediate } from 'node:timers/promises';
import { OpenAPIHono } from '@hono/zod-openapi';
import { afterEach, describe, expect, test } from 'vitest';
import type { HttpEnv } from '../../../../src/http/request/env.ts';
import type { HealthReport } from '../../../../src/http/openapi/schemas.ts';
import { registerHealth } from '../../../../src/http/routes/health.ts';
import type { HttpServices } from '../../../../src/http/routes/services.ts';
import { startHttpApp, type HttpApp } from '../../../support/httpApp.ts';

let app: HttpApp;
const started: HttpApp[] = [];
const start = async (...given: Parameters<typeof startHttpApp>) => {
  app = await startHttpApp(...given);
  started.push(app);
};
afterEach(async () => {
  for (const each of started.splice(0)) await each.close();
});

describe('GET /metrics', () => {
  const startMetrics = () =>
    start({
      metrics: {
        report: () => Promise.resolve({ active_tasks: 1 } as never),
        text: () => Promise.resolve('msst_tasks 1\n'),
      },
    });
  const ask = async (accept?: string) => {
    const answer = await app.ask('/metrics', accept === undefined ? {} : { headers: { accept } });
    return [
      answer.status,
      answer.headers.get('vary'),
      answer.headers.get('content-type'),
      await answer.text(),
    ];
  };
  const JSON_ANSWER = [200, 'Accept', 'application/json', '{"active_tasks":1}'];
  const TEXT_ANSWER = [200, 'Accept', 'text/plain; version=0.0.4; charset=utf-8', 'msst_tasks 1\n'];

  test.each([undefined, '*/*', 'application/json', 'image/png', 'application/json, text/plain;q=0.9'])(
    'is JSON for Accept: %s',
    async (accept) => {
      await startMetrics();
      expect(await ask(accept)).toEqual(JSON_ANSWER);
    },
  );

  test.each([
    'text/plain',
    'application/openmetrics-text',
    'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    'application/json;q=0.5, text/plain',
  ])('is the text of Prometheus for Accept: %s', async (accept) => {
    await startMetrics();
    expect(await ask(accept)).toEqual(TEXT_ANSWER);
  });
});

describe('GET /health', () => {
  const report = (status: HealthReport['status']) => ({ status }) as HealthReport;

  test.each([
    ['healthy', 200],
    ['degraded', 200],
    ['unhealthy', 503],
  ] as const)('of a server that is %s is %i', async (status, code) => {
    await start({ health: () => Promise.resolve(report(status)) });
    const answer = await app.ask('/health');
    expect([answer.status, await answer.json()]).toEqual([code, { status }]);
  });

  test('looks once for all who ask meanwhile, and anew for who asks later', async () => {
    const looks: ((found: HealthReport) => void)[] = [];
    const routes = new OpenAPIHono<HttpEnv>();
    registerHealth(routes, {
      health: () => new Promise((resolve) => looks.push(resolve)),
    } as Partial<HttpServices> as HttpServices);
    // Without a network between them, each has been asked before the first can be answered.
    const ask = () => Promise.resolve(routes.request('/api/v1/health'));
    const together = [ask(), ask(), ask()];
    await setImmediate();
    expect(looks).toHaveLength(1);
    looks[0]?.(report('healthy'));
    for (const answer of together) expect((await answer).status).toBe(200);
    const later = ask();
    await setImmediate();
    expect(looks).toHaveLength(2);
    looks[1]?.(report('unhealthy'));
    expect((await later).status).toBe(503);
  });

  test('looks anew after a look that failed', async () => {
    let looks = 0;
    await start({
      health: () =>
        looks++ === 0 ? Promise.reject(new Error('broken')) : Promise.resolve(report('healthy')),
    });
    expect((await app.ask('/health')).status).toBe(500);
    expect((await app.ask('/health')).status).toBe(200);
  });
});

describe('the documents', () => {
  const get = async (path: string) => {
    const answer = await fetch(`${app.url}${path}`, { redirect: 'manual' });
    return {
      status: answer.status,
      header: (name: string) => answer.headers.get(name),
      text: await answer.text(),
    };
  };

  test.each(['', '/api/v1'])('stand below "%s"', async (at) => {
    await start();
    const document = await get(`${at}/openapi.json`);
    expect([document.status, document.header('content-type')]).toEqual([200, 'application/json']);
    expect(JSON.parse(document.text)).toMatchObject({ openapi: '3.0.3', info: { version: '1.2.3' } });
    for (const slash of ['', '/']) {
      const page = await get(`${at}/docs${slash}`);
      expect([page.status, page.header('content-type')]).toEqual([200, 'text/html; charset=UTF-8']);
      expect(page.header('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/);
      expect(page.text).toContain('swagger-ui-bundle.js');
    }
  });

  test.each([
    ['', '/docs'],
    ['http://localhost/audio', '/audio/docs'],
  ])('are where / leads to, with the public URL "%s"', async (publicUrl, location) => {
    await start({ publicUrl });
    const answer = await get('/');
    expect([answer.status, answer.header('location')]).toEqual([302, location]);
  });

  test('load what they need from below the public URL', async () => {
    await start({ publicUrl: 'http://localhost/audio' });
    const { text } = await get('/docs');
    expect([...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url)).toEqual([
      '/audio/docs/swagger-ui/favicon-32x32.png',
      '/audio/docs/swagger-ui/swagger-ui.css',
      '/audio/docs/swagger-ui/swagger-ui-bundle.js',
      '/audio/docs/start.js',
    ]);
    expect((await get('/docs/start.js')).text).toContain('fetch("/audio/api/v1/openapi.json")');
  });

  test('bring their own assets, which a browser may keep for an hour, each of its kind', async () => {
    await start();
    for (const [name, kind] of [
      ['swagger-ui.css', 'text/css; charset=utf-8'],
      ['swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
      ['favicon-32x32.png', 'image/png'],
    ] as const) {
      const first = await get(`/docs/swagger-ui/${name}`);
      expect([first.status, first.header('content-type'), first.header('cache-control')]).toEqual([
        200,
        kind,
        'public, max-age=3600',
      ]);
      expect(first.text.length).toBeGreaterThan(100);
      expect((await get(`/docs/swagger-ui/${name}`)).text).toBe(first.text);
    }
    const script = await get('/docs/start.js');
    expect([script.status, script.header('content-type')]).toEqual([200, 'text/javascript; charset=utf-8']);
    const missing = await get('/docs/swagger-ui/package.json');
    expect([missing.status, JSON.parse(missing.text)]).toMatchObject([
      404,
      { error: { code: 'FILE_NOT_FOUND' } },
    ]);
  });

  test.each([
    [null, [{}, { bearerAuth: [] }]],
    [[], [{ bearerAuth: [] }]],
  ])('say whether a key is needed: with the keys %j', async (apiKeys, security) => {
    await start({}, { rules: { apiKeys } });
    expect(JSON.parse((await get('/openapi.json')).text)).toMatchObject({
      security,
      servers: [{ url: '/' }],
    });
  });
});
