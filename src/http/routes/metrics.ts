import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { accepts } from 'hono/accepts';
import { addRoute } from '../openapi/addRoute.ts';
import { jsonAnswer, textContent } from '../openapi/answers.ts';
import { curl } from '../openapi/exampleIds.ts';
import { metricsExamples } from '../openapi/examples.ts';
import { headers } from '../openapi/headers.ts';
import { problemAnswers } from '../openapi/problemAnswers.ts';
import type { HttpEnv } from '../request/env.ts';
import { metricsSchema } from '../openapi/schemas.ts';
import type { HttpServices } from './services.ts';
import { API_PREFIX } from '../request/publicPath.ts';

const JSON_TYPE = 'application/json';
/**
 * The types that scrapers request. The response is in the older of the two text formats, which all scrapers read.
 */
const TEXT_TYPES = ['text/plain', 'application/openmetrics-text'];

const METRICS = { path: `${API_PREFIX}/metrics`, allow: ['GET', 'HEAD'] } as const;

const figures = jsonAnswer(
  metricsSchema,
  'The metrics, in the format that `Accept` prefers.',
  metricsExamples,
);

const route = createRoute({
  method: 'get',
  path: METRICS.path,
  operationId: 'getMetrics',
  summary: 'Metrics of the server',
  description: `JSON, or with \`Accept: text/plain\` the Prometheus text format, which has more metrics. Totals persist across restarts and the removal of old tasks.\n\n${curl(METRICS.path)}`,
  tags: ['server'],
  responses: {
    200: {
      ...figures,
      headers: { ...figures.headers, ...headers.vary },
      content: {
        ...figures.content,
        'text/plain': textContent(
          'The text format of Prometheus.',
          '# HELP msst_tasks_total All-time total of ended tasks, by final status.\n# TYPE msst_tasks_total counter\nmsst_tasks_total{status="completed"} 42\n',
        ),
      },
    },
    ...problemAnswers(METRICS, []),
  },
});

/** GET /metrics. */
export function registerMetrics(app: OpenAPIHono<HttpEnv>, { metrics }: HttpServices): void {
  addRoute(app, route, async (c) => {
    c.header('vary', 'Accept');
    const form = accepts(c, {
      header: 'Accept',
      supports: [JSON_TYPE, ...TEXT_TYPES],
      default: JSON_TYPE,
    });
    if (form === JSON_TYPE) return c.json(await metrics.report(), 200);
    return c.text(await metrics.text(), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
  });
}
