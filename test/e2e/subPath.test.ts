/** The server below a path of its own, behind a real nginx that takes the path away or passes it on. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest';
import { browserMissing, startOfflineBrowser } from '../support/browser.ts';
import { call } from '../support/client.ts';
import { examplesOf } from '../support/markdownExamples.ts';
import { nginxMissing, startNginx, type Nginx } from '../support/nginx.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';

const TIMEOUT_MS = 60_000;

const readme = readFileSync(path.resolve(import.meta.dirname, '../../README.md'), 'utf8');
const shownInReadme = examplesOf(readme)
  .filter(({ language }) => language === 'nginx')
  .flatMap(({ lines }) => lines)
  .join('\n');
const below = (url: string, upstreamPath: string) =>
  `location = /stems { proxy_pass ${url}${upstreamPath.replace(/(.)\/$/, '$1')}; }
   location /stems/ { proxy_pass ${url}${upstreamPath}; }`;

describe.each([
  ['takes it away', (url: string) => below(url, '/')],
  ['passes it on', (url: string) => below(url, '/stems/')],
  ['is set up as the README shows', (url: string) => shownInReadme.replaceAll('http://127.0.0.1:8000', url)],
])('a proxy that %s', (_how, directives) => {
  let server: TestServer;
  let nginx: Nginx | undefined;
  let at: string;
  beforeAll(async () => {
    server = await startTestServer({ public_url: 'https://music.example/stems' });
    if (nginxMissing !== null) return;
    nginx = await startNginx(directives(server.url));
    at = `${nginx.url}/stems`;
  }, TIMEOUT_MS);
  afterAll(async () => {
    await nginx?.close();
    await server.dispose();
  });

  const needsNginx = (context: TestContext) => {
    if (nginxMissing === null) return;
    if (process.env['CI'] === 'true') throw new Error(nginxMissing);
    context.skip(nginxMissing);
  };

  test('keeps every document, and where it leads, below the path', async (context) => {
    needsNginx(context);
    for (const root of ['', '/']) {
      const answer = await fetch(at + root);
      expect(answer.status).toBe(200);
      expect(new URL(answer.url).pathname).toBe('/stems/docs');
      await answer.arrayBuffer();
    }
    for (const page of ['/docs', '/docs/', '/api/v1/docs', '/api/v1/docs/']) {
      const answer = await fetch(at + page, { redirect: 'manual' });
      expect(answer.status).toBe(200);
      const links = [...(await answer.text()).matchAll(/(?:href|src)="([^"]+)"/g)].map(
        ([, link = '']) => link,
      );
      expect(links).not.toHaveLength(0);
      for (const link of links) {
        const { pathname } = new URL(link, at + page);
        expect(pathname).toMatch(/^\/stems\//);
        const asset = await fetch(new URL(link, at + page));
        expect(asset.status, link).toBe(200);
        await asset.arrayBuffer();
      }
    }
    const document = await call(`${at}/openapi.json`);
    expect(document.body).toMatchObject({ servers: [{ url: 'https://music.example/stems' }] });
    expect((await call(`${at}/api/v1/health`)).status).toBe(200);
    expect((await call(`${at}/api/v1/models`)).status).toBe(200);
    expect((await call(`${at}/api/v1/tasks/x`)).status).toBe(404);
  });

  test(
    'shows the page in a browser',
    async (context) => {
      needsNginx(context);
      if (browserMissing !== null) {
        if (process.env['CI'] === 'true') throw new Error(browserMissing);
        context.skip(browserMissing);
      }
      const browser = await startOfflineBrowser();
      try {
        const page = await browser.context.newPage();
        const strays: string[] = [];
        page.on('request', (request) => {
          if (!request.url().startsWith(`${at}/`) && !request.url().startsWith('data:'))
            strays.push(request.url());
        });
        await page.goto(`${at}/`);
        await page.locator('#operations-models-listModels').waitFor();
        expect(page.url()).toBe(`${at}/docs`);
        expect(strays).toEqual([]);
      } finally {
        await browser.close();
      }
    },
    TIMEOUT_MS,
  );
});
