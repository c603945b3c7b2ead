import type { OpenAPIHono } from '@hono/zod-openapi';
import type { HttpEnv } from '../request/env.ts';
import { sharedHeaders } from './headers.ts';

const DESCRIPTION = `Music source separation with MSST models: submit a recording, poll its task, download the stems.

1. \`POST /separate\` with the recording creates a task.
2. \`GET /tasks/{task_id}\` returns its progress. Repeat until its status is \`completed\`.
3. \`GET /tasks/{task_id}/results\` lists the stems, each with the URL to download it from.

Every error has the same body; \`error.code\` is for programs, \`detail\` for people. Every response has the header
\`X-Request-Id\`, which identifies it in the server's log; a request may set its own.`;

/** Creates the OpenAPI document of an application from its registered routes. */
export function openApiDocument(
  app: OpenAPIHono<HttpEnv>,
  { publicUrl, version, needsKey }: { publicUrl: string; version: string; needsKey: boolean },
) {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearerAuth', {
    type: 'http',
    scheme: 'bearer',
    description: 'A key from `api_keys`; required if `enable_auth` is on.',
  });
  for (const [name, header] of Object.entries(sharedHeaders)) {
    app.openAPIRegistry.registerComponent('headers', name, header);
  }
  return app.getOpenAPIDocument({
    openapi: '3.0.3',
    info: {
      title: 'msst-serve',
      version,
      description: DESCRIPTION,
      license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
    },
    // `{}`: authentication is optional.
    security: needsKey ? [{ bearerAuth: [] }] : [{}, { bearerAuth: [] }],
    servers: [{ url: publicUrl === '' ? '/' : publicUrl }],
    tags: [
      { name: 'tasks', description: 'Submit and follow separations.' },
      { name: 'results', description: 'The stems of completed tasks.' },
      { name: 'models', description: 'The available models.' },
      { name: 'server', description: 'Health and metrics.' },
      { name: 'documents', description: 'This documentation, for programs and for people.' },
    ],
  });
}
