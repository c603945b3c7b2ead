import type { OpenAPIHono, RouteConfig } from '@hono/zod-openapi';
import type { Handler } from 'hono';
import type { HttpEnv } from '../request/env.ts';

/**
 * Registers a route and its documentation.
 *
 * Does not use `app.openapi`, which first validates each parameter against its schema: here each handler parses
 * its parameters from strings itself, so that all mistakes are reported at once, and the validation took a tenth
 * of the time of a poll.
 */
export function addRoute<Path extends string>(
  app: OpenAPIHono<HttpEnv>,
  route: RouteConfig & { getRoutingPath(): Path },
  handler: Handler<HttpEnv, Path>,
): void {
  app.openAPIRegistry.registerPath(route);
  app.on(route.method.toUpperCase(), route.getRoutingPath(), handler);
}
