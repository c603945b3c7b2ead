import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { AppError, ErrorCode, ErrorHints } from '../../errors.ts';

/** Status and title of every error code. A missing code is a compile error. */
export const problems = {
  INVALID_PARAMETERS: [400, 'Invalid parameters'],
  INVALID_MULTIPART: [400, 'Not a readable multipart form'],
  UNSUPPORTED_FORMAT: [400, 'Unsupported audio format'],
  INVALID_AUDIO: [400, 'Unreadable audio'],
  FILE_TOO_LARGE: [400, 'File too large'],
  AUDIO_TOO_LONG: [400, 'Audio too long'],
  UNAUTHORIZED: [401, 'Unauthorized'],
  RATE_LIMITED: [429, 'Too many requests'],
  TASK_NOT_FOUND: [404, 'No such task'],
  MODEL_NOT_FOUND: [404, 'No such model'],
  FILE_NOT_FOUND: [404, 'No such file'],
  ROUTE_NOT_FOUND: [404, 'No such route'],
  METHOD_NOT_ALLOWED: [405, 'Method not allowed'],
  TASK_NOT_COMPLETED: [409, 'Task not completed'],
  TASK_ALREADY_ENDED: [409, 'Task already ended'],
  IDEMPOTENCY_KEY_REUSED: [409, 'Idempotency key reused'],
  TASK_FAILED: [410, 'Task failed'],
  RESULTS_EXPIRED: [410, 'Results expired'],
  RANGE_NOT_SATISFIABLE: [416, 'Range not satisfiable'],
  FORBIDDEN_ORIGIN: [403, 'Forbidden origin'],
  MODEL_UNAVAILABLE: [500, 'Model unavailable'],
  QUEUE_FULL: [503, 'Queue full'],
  SHUTTING_DOWN: [503, 'Shutting down'],
  SERVER_BUSY: [503, 'Server busy'],
  INSUFFICIENT_STORAGE: [507, 'Insufficient storage'],
  INTERNAL: [500, 'Internal error'],
} as const satisfies Record<ErrorCode, readonly [ContentfulStatusCode, string]>;

export const PROBLEM_JSON = 'application/problem+json';

/** Headers of every response that does not set its own: no caching, no content type sniffing. */
export const commonHeaders = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const;

/** The body of an error: RFC 9457 at the top, the machine-readable part in `error`. */
export function problemBody(error: AppError, instance: string, requestId: string) {
  const [status, title] = problems[error.code];
  return {
    type: `/problems/${error.code.toLowerCase()}`,
    title,
    status,
    detail: error.message,
    instance,
    request_id: requestId,
    error: { code: error.code, message: error.message, details: error.details },
  };
}

/** Returns the response headers of an error. */
export function problemHeaders(hints: ErrorHints): Record<string, string> {
  const { retryAfterSeconds, challenge, allow, sizeBytes } = hints;
  const headers: Record<string, string> = {};
  if (retryAfterSeconds !== undefined)
    headers['retry-after'] = String(Math.max(1, Math.ceil(retryAfterSeconds)));
  if (challenge !== undefined) headers['www-authenticate'] = challenge;
  if (allow) headers['allow'] = allow.join(', ');
  if (sizeBytes !== undefined) headers['content-range'] = `bytes */${String(sizeBytes)}`;
  return headers;
}
