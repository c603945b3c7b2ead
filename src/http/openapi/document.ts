import type { OpenAPIHono } from '@hono/zod-openapi';
import type { HttpEnv } from '../request/env.ts';
import { sharedHeaders } from './headers.ts';

const DESCRIPTION = `Music source separation with MSST models: submit a recording, follow its task, fetch the stems.

1. \`POST /separate\` with the recording gives a task.
2. \`GET /tasks/{task_id}\` says how far it is, until its status is \`completed\`.
3. \`GET /tasks/{task_id}/results\` lists the stems, each with the URL to download it from.

Every error has the same body; \`error.code\` is for programs, \`detail\` for people. Every answer has the header
\`X-Request-Id\`, under which the log of the server tells more; a request may bring its own.`;

/** Creates the OpenAPI document of an application from its registered routes. */
export function openApiDocument(
  app: OpenAPIHono<HttpEnv>,
  { publicUrl, version, needsKey }: { publicUrl: string; version: string; needsKey: boolean },
) {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearerAuth', {
    type: 'http',
    scheme: 'bearer',
    description: 'A key of `api_keys`; needed where `enable_auth` is on.',
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
      { name: 'tasks', description: 'Submitting and following separations.' },
      { name: 'results', description: 'What completed tasks made.' },
      { name: 'models', description: 'What can be separated, and with what.' },
      { name: 'server', description: 'How the server is.' },
      { name: 'documents', description: 'This description, for programs and for people.' },
    ],
  });
}
