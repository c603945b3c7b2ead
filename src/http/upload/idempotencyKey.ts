import { z } from '@hono/zod-openapi';
import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '../../errors.ts';
import { EXAMPLE } from '../openapi/exampleIds.ts';

const NAME = 'Idempotency-Key';
const ALLOWED = '1 to 255 visible ASCII characters, without blanks';
const MAX_CHARACTERS = 255;
const visibleAscii = /^[!-~]+$/;

/** The OpenAPI schema of the header. */
export const idempotencyKeyParameter = z
  .string()
  .min(1)
  .max(MAX_CHARACTERS)
  .regex(visibleAscii)
  .optional()
  .openapi({
    description:
      'A unique name for this submission, chosen by the client, such as a UUID. If it is sent again with the same file and parameters, ' +
      'the response is the existing task instead of a second one, as long as that task exists. Default: none, every submission is a new task.',
    example: EXAMPLE.requestId,
  });

/** Reads the idempotency key of a submission, if it has one. @throws {AppError} INVALID_PARAMETERS */
export function readIdempotencyKey(headers: IncomingHttpHeaders): string | undefined {
  // A header sent twice arrives joined by a comma and a blank, which is not allowed in a key.
  const key = headers[NAME.toLowerCase()]?.toString();
  if (key === undefined || (visibleAscii.test(key) && key.length <= MAX_CHARACTERS)) return key;
  const message = `The header ${NAME} must have ${ALLOWED}.`;
  throw new AppError('INVALID_PARAMETERS', message, {
    details: { params: [{ name: NAME, message, received: key.slice(0, MAX_CHARACTERS), allowed: ALLOWED }] },
  });
}
