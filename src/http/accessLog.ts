import { randomUUID } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import type { Log } from '../log.ts';
import type { HttpEnv } from './env.ts';
import { commonHeaders } from './errors.ts';
import type { Metrics } from './metrics.ts';

const COMMON = Object.entries(commonHeaders);

/** An id that a client may give: it stands in the log and in the answer as it came. */
const CLIENT_ID = /^[\w\-=]{1,255}$/;

/**
 * Gives each request an id; when it is answered, writes one line about it and counts it.
 *
 * Here and in `access.ts` headers go to Node's response: Hono's own `c.header()` before a handler makes it build each
 * answer anew, which took a fifth of the time of a poll.
 */
export function accessLog(root: Log, metrics: Pick<Metrics, 'recordRequest'>): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const startedAt = performance.now();
    const given = c.req.header('x-request-id') ?? '';
    const requestId = CLIENT_ID.test(given) ? given : randomUUID();
    c.env.outgoing.setHeader('X-Request-Id', requestId);
    for (const [name, value] of COMMON) c.env.outgoing.setHeader(name, value);
    c.set('requestId', requestId);
    c.set('rootLog', root);
    c.set('owner', null);
    await next();
    const { method } = c.req;
    const { status } = c.res;
    // The template of the path, or that of the middleware when no route fits: few values, none of them a client's.
    const route = routePath(c, -1);
    const milliseconds = performance.now() - startedAt;
    const durationMs = Math.round(milliseconds * 10) / 10;
    const code = c.get('code');
    root.info({ requestId, method, route, status, code, durationMs, owner: c.get('owner') }, 'request');
    metrics.recordRequest({ method, route, status, seconds: milliseconds / 1000 });
  };
}
