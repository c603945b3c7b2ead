import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { jsonBody } from '../documented.ts';
import type { HttpEnv } from '../env.ts';
import { healthSchema } from '../schemas.ts';
import type { HttpServices } from '../services.ts';
import { API_PREFIX } from '../wire.ts';

const route = createRoute({
  method: 'get',
  path: `${API_PREFIX}/health`,
  operationId: 'getHealth',
  summary: 'How the server is, and each thing it depends on',
  tags: ['server'],
  security: [],
  responses: {
    200: jsonBody(healthSchema, 'Healthy, or degraded: it works, but something wants a look.'),
    503: jsonBody(healthSchema, 'Unhealthy: `problems` says why.'),
  },
});

/** GET /health. */
export function registerHealth(app: OpenAPIHono<HttpEnv>, { health }: HttpServices): void {
  app.openapi(route, async (c) => {
    const report = await health();
    return c.json(report, report.status === 'unhealthy' ? 503 : 200);
  });
}
