import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { addRoute } from '../documented/addRoute.ts';
import { jsonAnswer } from '../documented/answers.ts';
import { curl } from '../documented/exampleIds.ts';
import { healthExamples } from '../documented/examples.ts';
import { problemAnswers } from '../documented/problemAnswers.ts';
import type { HttpEnv } from '../env.ts';
import type { HealthReport } from '../health.ts';
import { healthSchema } from '../schemas.ts';
import type { HttpServices } from '../services.ts';
import { API_PREFIX } from '../wire.ts';

const HEALTH = { path: `${API_PREFIX}/health`, allow: ['GET', 'HEAD'] } as const;
const isOpen = true;

const route = createRoute({
  method: 'get',
  path: HEALTH.path,
  operationId: 'getHealth',
  summary: 'How the server is, and each thing it depends on',
  description: curl(HEALTH.path),
  tags: ['server'],
  security: [],
  responses: {
    200: jsonAnswer(
      healthSchema,
      'Healthy, or degraded: it works, but something wants a look.',
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
