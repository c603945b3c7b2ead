import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import type { Log } from '../log.ts';
import type { HttpEnv } from './env.ts';
import type { Metrics } from './metrics.ts';

/** Gives each request a log of its own; when it is answered, writes one line about it and counts it. */
export function accessLog(root: Log, metrics: Pick<Metrics, 'recordRequest'>): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const startedAt = performance.now();
    c.set('log', root.child({ requestId: c.var.requestId }));
    c.set('owner', null);
    await next();
    const { method } = c.req;
    const { status } = c.res;
    // The template of the path, or that of the middleware when no route fits: few values, none of them a client's.
    const route = routePath(c, -1);
    const milliseconds = performance.now() - startedAt;
    const durationMs = Math.round(milliseconds * 10) / 10;
    c.var.log.info({ method, route, status, durationMs, owner: c.var.owner }, 'request');
    metrics.recordRequest({ method, route, status, seconds: milliseconds / 1000 });
  };
}
