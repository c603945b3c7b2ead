import type { z } from '@hono/zod-openapi';
import { problemSchema } from './schemas.ts';

const MEANING: Record<number, string> = {
  400: 'Something in the request is wrong; `error.details.params` lists every part of it.',
  401: 'The API key is missing or not known; only with `enable_auth`.',
  403: 'A page of a foreign origin may not change anything here.',
  404: 'There is no such thing, or it belongs to somebody else.',
  409: 'The state of the task does not allow this.',
  410: 'The task failed (the body says why), or its results are gone.',
  416: 'The range lies outside the file.',
  429: 'Too many requests in an hour; only with `enable_rate_limit`.',
  500: 'The server failed; its log says why under this request_id.',
  503: 'The server cannot take this now; Retry-After says when to try again.',
  507: 'The disk of the server has no room for this task.',
};

const text = (description: string) => ({ description, schema: { type: 'string' as const } });
const whole = (description: string) => ({ description, schema: { type: 'integer' as const } });

/** The headers that only some error answers carry. */
const HEADERS: Record<number, Record<string, ReturnType<typeof text> | ReturnType<typeof whole>>> = {
  401: { 'WWW-Authenticate': text('`Bearer`; with `error="invalid_token"` when a key was sent.') },
  429: {
    'Retry-After': whole('Seconds until a request is allowed again, at least 1.'),
    'X-RateLimit-Limit': whole('Requests allowed in any hour; on every answer while limits are on.'),
    'X-RateLimit-Remaining': whole('Requests left now.'),
    'X-RateLimit-Reset': whole('When the oldest request leaves the hour, in seconds since 1970 (UTC).'),
  },
};

/** The documented error answers of a route, beside those that every route may give. */
export function errorResponses(...statuses: (keyof typeof MEANING)[]) {
  return Object.fromEntries(
    [...statuses, 401, 429, 500].map((status) => [
      status,
      {
        description: MEANING[status] ?? '',
        ...(HEADERS[status] ? { headers: HEADERS[status] } : {}),
        content: { 'application/problem+json': { schema: problemSchema } },
      },
    ]),
  );
}

/** A documented JSON body. */
export function jsonBody<Schema extends z.ZodType>(schema: Schema, description: string) {
  return { description, content: { 'application/json': { schema } } };
}
