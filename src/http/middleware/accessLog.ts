import { randomUUID } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import type { Log } from '../../log/log.ts';
import type { HttpEnv } from '../request/env.ts';
import { commonHeaders } from '../problems/problems.ts';
import type { Metrics } from '../reports/metrics.ts';

const COMMON = Object.entries(commonHeaders);

/** The accepted form of a client's X-Request-Id, which is copied verbatim to the log and the response. */
const CLIENT_ID = /^[\w\-=]{1,255}$/;

/**
 * Assigns each request an id; once it is answered, logs one line and records it in the metrics.
 *
 * Here and in `access.ts` headers are set on Node's response: calling Hono's `c.header()` before a handler makes
 * Hono rebuild each response, which took a fifth of the time of a poll.
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
    // The route template, or the middleware's when no route matches: low cardinality, and no client input.
    const route = routePath(c, -1);
    const milliseconds = performance.now() - startedAt;
    const durationMs = Math.round(milliseconds * 10) / 10;
    const code = c.get('code');
    root.info({ requestId, method, route, status, code, durationMs, owner: c.get('owner') }, 'request');
    metrics.recordRequest({ method, route, status, seconds: milliseconds / 1000 });
  };
}
