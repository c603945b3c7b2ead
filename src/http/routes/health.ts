import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { addRoute } from '../openapi/addRoute.ts';
import { jsonAnswer } from '../openapi/answers.ts';
import { curl } from '../openapi/exampleIds.ts';
import { healthExamples } from '../openapi/examples.ts';
import { problemAnswers } from '../openapi/problemAnswers.ts';
import type { HttpEnv } from '../request/env.ts';
import type { HealthReport } from '../openapi/schemas.ts';
import { healthSchema } from '../openapi/schemas.ts';
import type { HttpServices } from './services.ts';
import { API_PREFIX } from '../request/publicPath.ts';

const HEALTH = { path: `${API_PREFIX}/health`, allow: ['GET', 'HEAD'] } as const;
const isOpen = true;

const route = createRoute({
  method: 'get',
  path: HEALTH.path,
  operationId: 'getHealth',
  summary: 'The health of the server and of its dependencies',
  description: curl(HEALTH.path),
  tags: ['server'],
  security: [],
  responses: {
    200: jsonAnswer(
      healthSchema,
      'Healthy, or degraded: the server works, but something needs attention.',
      healthExamples.up,
    ),
    503: jsonAnswer(healthSchema, 'Unhealthy: `problems` says why.', healthExamples.down),
    ...problemAnswers(HEALTH, [], { isOpen }),
  },
});

/** GET /health. */
export function registerHealth(app: OpenAPIHono<HttpEnv>, { health }: HttpServices): void {
  // The route is not rate-limited, so concurrent requests share one health check.
  let looking: Promise<HealthReport> | undefined;
  const look = () =>
    (looking ??= health().finally(() => {
      looking = undefined;
    }));
  addRoute(app, route, async (c) => {
    const report = await look();
    return c.json(report, report.status === 'unhealthy' ? 503 : 200);
  });
}
