import type { Context } from 'hono';
import type { Log } from '../../log/log.ts';
import type { HttpEnv } from './env.ts';

/** The log of a request: every line has the request's id. */
export const requestLog = (c: Context<HttpEnv>): Log =>
  c.get('rootLog').child({ requestId: c.get('requestId') });
