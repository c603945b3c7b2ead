import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { AppError } from '../../errors.ts';
import { isFullDisk } from '../../disk/fullDisk.ts';
import { PROBLEM_JSON, problemBody, problemHeaders, problems } from '../problems/problems.ts';
import { requestLog } from '../request/requestLog.ts';
import type { HttpEnv } from '../request/env.ts';

/**
 * Responds with an error. Anything but an `AppError` becomes INSUFFICIENT_STORAGE if the disk is full, SERVER_BUSY
 * if file descriptors have run out, INVALID_PARAMETERS if Hono blames the client, else INTERNAL. Faults of the
 * server are logged with their stack.
 */
export function answerError(thrown: unknown, c: Context<HttpEnv>): Response {
  const error = toAppError(thrown);
  const isFault = problems[error.code][0] >= 500 && (problems[error.code][0] !== 503 || error !== thrown);
  if (isFault) requestLog(c).error({ err: thrown }, 'a request failed');
  c.set('code', error.code);
  const body = problemBody(error, c.req.path, c.get('requestId'));
  return c.body(JSON.stringify(body), problems[error.code][0], {
    'content-type': PROBLEM_JSON,
    ...problemHeaders(error.hints),
    ...(c.get('mustClose') === true ? { connection: 'close' } : {}),
  });
}

function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  if (thrown instanceof HTTPException && thrown.status < 500) {
    return new AppError('INVALID_PARAMETERS', 'The request cannot be read.', { cause: thrown });
  }
  if (isFullDisk(thrown)) {
    const message = 'The disk of the server is full. Try again later.';
    return new AppError('INSUFFICIENT_STORAGE', message, { cause: thrown });
  }
  if (isOutOfDescriptors(thrown)) {
    const message = 'The server has too many files open. Try again in a moment.';
    return new AppError('SERVER_BUSY', message, { cause: thrown, hints: { retryAfterSeconds: 10 } });
  }
  return new AppError(
    'INTERNAL',
    'Internal error. Quote the request_id to the administrator of this server.',
    {
      cause: thrown,
    },
  );
}

/** Whether an error means that this process, or the whole machine, has run out of file descriptors. */
const isOutOfDescriptors = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'EMFILE' || error.code === 'ENFILE');
