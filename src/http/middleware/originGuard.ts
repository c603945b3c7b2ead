import { isIP } from 'node:net';
import type { MiddlewareHandler } from 'hono';
import { AppError } from '../../errors.ts';
import type { HttpEnv } from '../request/env.ts';

const CHANGING = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/**
 * Protects against requests from foreign web pages through a user's browser (CSRF, DNS rebinding). The Origin of a
 * changing request, if it has one, must be our own or an allowed one. Every request needs a Host that DNS
 * rebinding cannot forge, unless keys are required, which no foreign page has.
 */
export function originGuard(options: {
  allowedOrigins: readonly string[];
  publicUrl: string;
  needsKey: boolean;
}): MiddlewareHandler<HttpEnv> {
  const publicUrl = options.publicUrl === '' ? undefined : new URL(options.publicUrl);
  return async (c, next) => {
    const host = c.req.header('host') ?? '';
    if (!options.needsKey && !isTrustedHost(host, publicUrl)) {
      throw new AppError(
        'FORBIDDEN_ORIGIN',
        'The Host header names another server. Use its address or localhost, or set public_url in the configuration.',
      );
    }
    const origin = c.req.header('origin');
    if (origin !== undefined && CHANGING.has(c.req.method)) {
      const ours = [...options.allowedOrigins, publicUrl?.origin, `http://${host}`, `https://${host}`];
      if (!ours.includes(origin)) {
        throw new AppError(
          'FORBIDDEN_ORIGIN',
          'Pages from this origin may not use this server. Add it to cors_origins in the configuration.',
        );
      }
    }
    await next();
  };
}

function isTrustedHost(host: string, publicUrl: URL | undefined): boolean {
  if (publicUrl?.host === host.toLowerCase()) return true;
  const name = host
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
  return name === 'localhost' || isIP(name) !== 0;
}
