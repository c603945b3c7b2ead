import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context, NotFoundHandler } from 'hono';
import { cors } from 'hono/cors';
import { methodNotAllowed } from 'hono/method-not-allowed';
import { AppError } from '../errors.ts';
import type { Log } from '../log/log.ts';
import type { Access } from './middleware/access.ts';
import { accessLog } from './middleware/accessLog.ts';
import type { HttpEnv } from './request/env.ts';
import { answerError } from './middleware/errors.ts';
import { originGuard } from './middleware/originGuard.ts';
import { createPathReader } from './request/publicPath.ts';
import { registerDocuments } from './routes/documents.ts';
import { registerHealth } from './routes/health.ts';
import { registerMetrics } from './routes/metrics.ts';
import { registerModels } from './routes/models.ts';
import { registerResults } from './routes/results.ts';
import { registerSeparate } from './routes/separate.ts';
import { registerTasks } from './routes/tasks.ts';
import type { HttpServices } from './routes/services.ts';

const EXPOSED_HEADERS = [
  'Location',
  'Idempotent-Replayed',
  'ETag',
  'Content-Range',
  'Content-Disposition',
  'Retry-After',
  'Server-Timing',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
  'X-Request-Id',
];

/** Creates the HTTP application: the middleware for every request, then the routes. */
export function createApp(
  services: HttpServices,
  options: { corsOrigins: readonly string[]; access: Access; version: string; log: Log },
): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>({ getPath: createPathReader(services.publicUrl) });
  app.use(accessLog(options.log, services.metrics));
  const { access } = options;
  if (options.corsOrigins.length > 0) {
    // `cors` answers preflights itself, so the rate-limit headers are added before it.
    app.use(access.tellPreflight);
    app.use(cors({ origin: [...options.corsOrigins], exposeHeaders: EXPOSED_HEADERS }));
  }
  app.use(access.admit);
  const { needsKey } = access;
  app.use(originGuard({ allowedOrigins: options.corsOrigins, publicUrl: services.publicUrl, needsKey }));

  registerSeparate(app, services);
  registerTasks(app, services);
  registerResults(app, services);
  registerModels(app, services);
  registerHealth(app, services);
  registerMetrics(app, services);
  registerDocuments(app, services.publicUrl, options.version, needsKey);

  app.notFound(unknownRoute(app));
  app.onError(answerError);
  return app;
}

/**
 * Handles requests that match no route: 405 if another method would match, else 404. The check for other methods
 * is made only here, so matched requests do not pay for it.
 */
function unknownRoute(app: OpenAPIHono<HttpEnv>): NotFoundHandler<HttpEnv> {
  const refuseMethod = methodNotAllowed({
    app,
    onMethodNotAllowed: (c: Context<HttpEnv>, allow) =>
      answerError(
        new AppError('METHOD_NOT_ALLOWED', `This route accepts ${allow.join(', ')}.`, { hints: { allow } }),
        c,
      ),
  });
  return async (c: Context<HttpEnv, string>) => {
    await refuseMethod(c, () => {
      c.res = answerError(
        new AppError('ROUTE_NOT_FOUND', 'There is no such route. GET /docs lists all routes.'),
        c,
      );
      return Promise.resolve();
    });
    return c.res;
  };
}
