import type { OpenAPIHono, RouteConfig } from '@hono/zod-openapi';
import type { Handler } from 'hono';
import type { HttpEnv } from '../env.ts';

/**
 * Documents a route and answers it.
 *
 * Not `app.openapi`, which first checks each parameter by its schema: here every parameter is one text that the handler
 * reads itself, so that all mistakes are told at once, and the check took a tenth of the time of a poll.
 */
export function addRoute<Path extends string>(
  app: OpenAPIHono<HttpEnv>,
  route: RouteConfig & { getRoutingPath(): Path },
  handler: Handler<HttpEnv, Path>,
): void {
  app.openAPIRegistry.registerPath(route);
  app.on(route.method.toUpperCase(), route.getRoutingPath(), handler);
}
