import type { Context, MiddlewareHandler } from 'hono';
import type { Clock } from '../../clock.ts';
import type { ApiKey } from '../../config/apiKeys.ts';
import type { AppError } from '../../errors.ts';
import { createAuthenticator } from './auth.ts';
import { clientAddress } from '../request/clientAddress.ts';
import { requestLog } from '../request/requestLog.ts';
import type { HttpEnv } from '../request/env.ts';
import { createRateLimit, type RateHeaders } from './rateLimit.ts';
import { API_PREFIX } from '../request/publicPath.ts';

/** Authentication and rate-limit settings. */
export interface AccessRules {
  /** Null: authentication is off. */
  apiKeys: readonly ApiKey[] | null;
  /** Null: rate limiting is off. */
  requestsPerHour: number | null;
  /** Whether X-Forwarded-For is set by a trusted proxy. If not it is ignored: the client may have forged it. */
  trustProxy: boolean;
  clock: Clock;
}

const OPEN_PATHS = new Set([
  '/',
  ...['', API_PREFIX].flatMap((at) => [`${at}/health`, `${at}/docs`, `${at}/docs/`, `${at}/openapi.json`]),
]);

/** Whether a path needs no key and is exempt from the rate limit. All paths not listed here need one and count. */
const isOpen = (path: string) => OPEN_PATHS.has(path) || path.startsWith('/docs/');

/** Middleware that runs before the routes: rate limiting and authentication. */
export interface Access {
  needsKey: boolean;
  /**
   * Admits a request if its key is valid and its caller is within the rate limit. Both are checked before any of
   * the body is read. A request without a valid key counts against its client address.
   *
   * @throws {AppError} RATE_LIMITED, UNAUTHORIZED
   */
  admit: MiddlewareHandler<HttpEnv>;
  /** Adds the rate-limit headers to the response to a preflight, which itself does not count. */
  tellPreflight: MiddlewareHandler<HttpEnv>;
  /** The rate-limit headers for a request that could not be parsed; `address` is its connection's peer address. */
  rateHeaders: (address: string) => Partial<RateHeaders>;
}

/** Creates the access middleware. */
export function createAccess(rules: AccessRules): Access {
  const identify = rules.apiKeys && createAuthenticator(rules.apiKeys);
  const rate =
    rules.requestsPerHour === null
      ? null
      : createRateLimit({ requestsPerHour: rules.requestsPerHour, clock: rules.clock });
  const addressOf = (c: Context<HttpEnv>) =>
    clientAddress(
      c.env.incoming.socket.remoteAddress ?? '',
      rules.trustProxy ? c.req.header('x-forwarded-for') : undefined,
    );
  const tellRate = (c: Context<HttpEnv>) => {
    if (!rate) return;
    const identity = identify?.(c.req.header('authorization'));
    const caller = identity && 'owner' in identity ? identity : { address: addressOf(c) };
    setHeaders(c, rate.look(caller));
  };
  const refuse = (c: Context<HttpEnv>, error: AppError) => {
    const told = { code: error.code, owner: c.get('owner'), address: addressOf(c) };
    requestLog(c).warn(told, 'a request was refused');
    return error;
  };

  return {
    needsKey: rules.apiKeys !== null,
    async admit(c, next) {
      if (isOpen(c.req.path)) {
        tellRate(c);
        return next();
      }
      const identity = identify?.(c.req.header('authorization'));
      if (identity && 'owner' in identity) c.set('owner', identity.owner);
      c.set('address', () => addressOf(c));
      if (rate) {
        const { headers, refusal } = rate.take(
          identity && 'owner' in identity ? identity : { address: addressOf(c) },
        );
        setHeaders(c, headers);
        if (refusal) throw refuse(c, refusal);
      }
      if (identity && 'refusal' in identity) throw refuse(c, identity.refusal);
      await next();
    },
    tellPreflight(c, next) {
      if (c.req.method === 'OPTIONS') tellRate(c);
      return next();
    },
    rateHeaders: (address) => rate?.look({ address: clientAddress(address, undefined) }) ?? {},
  };
}

function setHeaders(c: Context<HttpEnv>, headers: RateHeaders): void {
  for (const [name, value] of Object.entries(headers)) c.env.outgoing.setHeader(name, value);
}
