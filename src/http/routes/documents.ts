import { createReadStream } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { absolutePath as swaggerAssetsDir } from 'swagger-ui-dist';
import { AppError } from '../../errors.ts';
import type { HttpEnv } from '../env.ts';
import { API_PREFIX } from '../wire.ts';

const CONTENT_TYPE: Record<string, string> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>msst-serve API</title>
    <link rel="icon" href="/docs/swagger-ui/favicon-32x32.png">
    <link rel="stylesheet" href="/docs/swagger-ui/swagger-ui.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/docs/swagger-ui/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;
const START = `SwaggerUIBundle({ url: '${API_PREFIX}/openapi.json', dom_id: '#swagger-ui', tryItOutEnabled: true });\n`;
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'";

/** The OpenAPI document and the page that shows it, from our own assets: no browser needs the internet. */
export function registerDocuments(
  app: OpenAPIHono<HttpEnv>,
  publicUrl: string,
  version: string,
  needsKey: boolean,
): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearerAuth', {
    type: 'http',
    scheme: 'bearer',
    description: 'A key of `api_keys`; needed where `enable_auth` is on.',
  });
  for (const at of ['', API_PREFIX]) {
    app.get(`${at}/openapi.json`, (c) =>
      c.json(
        app.getOpenAPIDocument({
          openapi: '3.0.3',
          info: {
            title: 'msst-serve',
            version,
            description:
              'Music source separation with MSST models: submit a recording, follow its task, fetch the stems.',
            license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
          },
          // `{}`: also without.
          security: needsKey ? [{ bearerAuth: [] }] : [{}, { bearerAuth: [] }],
          servers: [{ url: publicUrl === '' ? '/' : publicUrl }],
          tags: [
            { name: 'tasks', description: 'Submitting and following separations.' },
            { name: 'results', description: 'What completed tasks made.' },
            { name: 'models', description: 'What can be separated, and with what.' },
            { name: 'server', description: 'How the server is.' },
          ],
        }),
      ),
    );
    app.get(`${at}/docs`, (c) => c.html(PAGE, 200, { 'content-security-policy': POLICY }));
  }
  app.get('/', (c) => c.redirect('/docs'));
  app.get('/docs/start.js', (c) => c.body(START, 200, { 'content-type': 'text/javascript; charset=utf-8' }));
  app.get('/docs/swagger-ui/:name', (c) => {
    const contentType = CONTENT_TYPE[c.req.param('name')];
    if (contentType === undefined) throw new AppError('FILE_NOT_FOUND', 'There is no such file.');
    const file = createReadStream(path.join(swaggerAssetsDir(), c.req.param('name')));
    return c.body(Readable.toWeb(file) as ReadableStream, 200, {
      'content-type': contentType,
      'cache-control': 'public, max-age=3600',
    });
  });
}
