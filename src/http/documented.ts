import type { z } from '@hono/zod-openapi';
import { problemSchema } from './schemas.ts';

const MEANING: Record<number, string> = {
  400: 'Something in the request is wrong; `error.details.params` lists every part of it.',
  403: 'A page of a foreign origin may not change anything here.',
  404: 'There is no such thing, or it belongs to somebody else.',
  409: 'The state of the task does not allow this.',
  410: 'The task failed (the body says why), or its results are gone.',
  416: 'The range lies outside the file.',
  500: 'The server failed; its log says why under this request_id.',
  503: 'The server cannot take this now; Retry-After says when to try again.',
  507: 'The disk of the server has no room for this task.',
};

/** The documented error answers of a route, beside those that every route may give. */
export function errorResponses(...statuses: (keyof typeof MEANING)[]) {
  return Object.fromEntries(
    [...statuses, 500].map((status) => [
      status,
      {
        description: MEANING[status] ?? '',
        content: { 'application/problem+json': { schema: problemSchema } },
      },
    ]),
  );
}

/** A documented JSON body. */
export function jsonBody<Schema extends z.ZodType>(schema: Schema, description: string) {
  return { description, content: { 'application/json': { schema } } };
}
