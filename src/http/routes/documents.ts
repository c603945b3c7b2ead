import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { OpenAPIHono } from '@hono/zod-openapi';
// Not the package itself, which would load all of Swagger UI here: a quarter of a second at every start.
import swaggerAssetsDir from 'swagger-ui-dist/absolute-path.js';
import { AppError } from '../../errors.ts';
import { openApiDocument } from '../openapi/document.ts';
import { registerDocumentPaths } from '../openapi/documentPaths.ts';
import { page, POLICY, startScript } from '../openapi/page.ts';
import type { HttpEnv } from '../request/env.ts';
import { basePath } from '../request/publicPath.ts';
import { API_PREFIX } from '../request/publicPath.ts';

const CONTENT_TYPE: ReadonlyMap<string, string> = new Map([
  ['swagger-ui.css', 'text/css; charset=utf-8'],
  ['swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
  ['favicon-32x32.png', 'image/png'],
]);

/**
 * Registers the OpenAPI document and the page that shows it, with locally served assets: browsers need no internet
 * access. They need no key and are not rate-limited, so each is built once and every response sends the same
 * bytes.
 */
export function registerDocuments(
  app: OpenAPIHono<HttpEnv>,
  publicUrl: string,
  version: string,
  needsKey: boolean,
): void {
  registerDocumentPaths(app);
  const base = basePath(publicUrl);
  const sendPage = page(base);
  const start = startScript(base);
  const document = once(() =>
    new TextEncoder().encode(JSON.stringify(openApiDocument(app, { publicUrl, version, needsKey }))),
  );
  for (const at of ['', API_PREFIX]) {
    app.get(`${at}/openapi.json`, (c) => c.body(document(), 200, { 'content-type': 'application/json' }));
    for (const path of [`${at}/docs`, `${at}/docs/`]) {
      app.get(path, async (c, next) => {
        c.header('content-security-policy', POLICY);
        return sendPage(c, next);
      });
    }
  }
  app.get('/', (c) => c.redirect(`${base}/docs`));
  app.get('/docs/start.js', (c) => c.body(start, 200, { 'content-type': 'text/javascript; charset=utf-8' }));
  const assets = new Map(
    [...CONTENT_TYPE].map(([name, contentType]) => [
      name,
      { contentType, content: kept(path.join(swaggerAssetsDir(), name)) },
    ]),
  );
  app.get('/docs/swagger-ui/:name', async (c) => {
    const asset = assets.get(c.req.param('name'));
    if (!asset) throw new AppError('FILE_NOT_FOUND', 'There is no such file.');
    return c.body(await asset.content(), 200, {
      'content-type': asset.contentType,
      'cache-control': 'public, max-age=3600',
    });
  });
}

/** Calls `make` on first use, when all routes are registered, and returns the same value from then on. */
function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** Reads a file on first use and caches its content; a failure is not cached. */
function kept(file: string): () => Promise<Uint8Array<ArrayBuffer>> {
  let content: Uint8Array<ArrayBuffer> | undefined;
  return async () => (content ??= new Uint8Array(await readFile(file)));
}
