import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import type { Log } from '../log.ts';
import type { HttpEnv } from './env.ts';

/** Gives each request a log of its own, and writes one line about it when it is answered. */
export function accessLog(root: Log): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const startedAt = performance.now();
    c.set('log', root.child({ requestId: c.var.requestId }));
    c.set('owner', null);
    await next();
    c.var.log.info(
      {
        owner: c.var.owner,
        method: c.req.method,
        route: routePath(c, -1),
        status: c.res.status,
        durationMs: Math.round((performance.now() - startedAt) * 10) / 10,
      },
      'request',
    );
  };
}
