import type { Context } from 'hono';
import { AppError, type ParamProblem } from '../errors.ts';
import type { HttpEnv } from './env.ts';

/** What a route's schema makes of a request. */
type Reading =
  { success: true } | { success: false; error: { issues: readonly { path: readonly PropertyKey[] }[] } };

/**
 * Refuses a request that does not fit its route's schema. Every parameter there is one text, so what does not fit is
 * one that is given several times.
 *
 * @throws {AppError} INVALID_PARAMETERS
 */
export function refuseRepeated(reading: Reading, c: Context<HttpEnv>): void {
  if (reading.success) return;
  const names = new Set(reading.error.issues.map((issue) => String(issue.path[0])));
  const params = [...names].map((name): ParamProblem => {
    const times = c.req.queries(name)?.length ?? 0;
    return { name, message: `${name} is given ${String(times)} times; once is allowed.` };
  });
  throw new AppError('INVALID_PARAMETERS', params.map(({ message }) => message).join(' '), {
    details: { params },
  });
}
