import type { MiddlewareHandler } from 'hono';
import type { Clock } from '../clock.ts';
import type { ApiKey } from '../config/apiKeys.ts';
import type { AppError } from '../errors.ts';
import { createAuthenticator } from './auth.ts';
import { clientAddress } from './clientAddress.ts';
import { requestLog } from './requestLog.ts';
import type { HttpEnv } from './env.ts';
import { createRateLimit } from './rateLimit.ts';
import { API_PREFIX } from './wire.ts';

/** Who may use the server, and how much. */
export interface AccessRules {
  /** Null: authentication is off. */
  apiKeys: readonly ApiKey[] | null;
  /** Null: rate limiting is off. */
  requestsPerHour: number | null;
  /** Whether X-Forwarded-For is a proxy's word, and not the client's own. */
  trustProxy: boolean;
  clock: Clock;
}

const OPEN_PATHS = new Set([
  '/',
  ...['', API_PREFIX].flatMap((at) => [`${at}/health`, `${at}/docs`, `${at}/openapi.json`]),
]);

/** What needs no key and is not counted; everything that is not named here does and is. */
const isOpen = (path: string) => OPEN_PATHS.has(path) || path.startsWith('/docs/');

/**
 * Lets a request pass when its key is known and its caller has not asked too often. Both are decided before
 * anything of the body is read; a request without a good key counts for the address it comes from.
 *
 * @throws {AppError} RATE_LIMITED, UNAUTHORIZED
 */
export function access(rules: AccessRules): MiddlewareHandler<HttpEnv> {
  const identify = rules.apiKeys && createAuthenticator(rules.apiKeys);
  const rate =
    rules.requestsPerHour === null
      ? null
      : createRateLimit({ requestsPerHour: rules.requestsPerHour, clock: rules.clock });

  return async (c, next) => {
    if (isOpen(c.req.path)) return next();
    const identity = identify?.(c.req.header('authorization'));
    if (identity && 'owner' in identity) c.set('owner', identity.owner);
    const address = () =>
      clientAddress(
        c.env.incoming.socket.remoteAddress ?? '',
        rules.trustProxy ? c.req.header('x-forwarded-for') : undefined,
      );
    c.set('address', address);
    const refuse = (error: AppError) => {
      requestLog(c).warn(
        { code: error.code, owner: c.get('owner'), address: address() },
        'a request was refused',
      );
      return error;
    };

    if (rate) {
      const rating = rate(identity && 'owner' in identity ? identity : { address: address() });
      for (const [name, value] of Object.entries(rating.headers)) c.env.outgoing.setHeader(name, value);
      if (rating.refusal) throw refuse(rating.refusal);
    }
    if (identity && 'refusal' in identity) throw refuse(identity.refusal);
    await next();
  };
}
