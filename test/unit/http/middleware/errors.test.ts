import { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { requestId } from 'hono/request-id';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { AppError, type ErrorCode } from '../../../../src/errors.ts';
import type { HttpEnv } from '../../../../src/http/request/env.ts';
import { answerError } from '../../../../src/http/middleware/errors.ts';
import { problems } from '../../../../src/http/problems/problems.ts';
import { problemSchema } from '../../../../src/http/openapi/schemas.ts';
import { createLog, type Log } from '../../../../src/log/log.ts';

const STATUS: Record<ErrorCode, number> = {
  INVALID_PARAMETERS: 400,
  INVALID_MULTIPART: 400,
  UNSUPPORTED_FORMAT: 400,
  INVALID_AUDIO: 400,
  FILE_TOO_LARGE: 400,
  AUDIO_TOO_LONG: 400,
  UNAUTHORIZED: 401,
  RATE_LIMITED: 429,
  TASK_NOT_FOUND: 404,
  MODEL_NOT_FOUND: 404,
  FILE_NOT_FOUND: 404,
  ROUTE_NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  TASK_NOT_COMPLETED: 409,
  TASK_ALREADY_ENDED: 409,
  IDEMPOTENCY_KEY_REUSED: 409,
  TASK_FAILED: 410,
  RESULTS_EXPIRED: 410,
  RANGE_NOT_SATISFIABLE: 416,
  FORBIDDEN_ORIGIN: 403,
  MODEL_UNAVAILABLE: 500,
  QUEUE_FULL: 503,
  SHUTTING_DOWN: 503,
  SERVER_BUSY: 503,
  INSUFFICIENT_STORAGE: 507,
  INTERNAL: 500,
};
const codes = Object.keys(STATUS) as ErrorCode[];

async function answerTo(thrown: unknown, log: Log = createLog('silent')) {
  const app = new Hono<HttpEnv>();
  app.use(requestId());
  app.use(async (c, next) => {
    c.set('rootLog', log);
    await next();
  });
  app.get('/some/path', () => {
    throw thrown;
  });
  app.onError(answerError);
  const response = await app.request('/some/path', { headers: { 'x-request-id': 'the-id' } });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: problemSchema.parse(JSON.parse(text)),
  };
}

test('every code there is has its status', () => {
  expect(Object.fromEntries(Object.entries(problems).map(([code, [status]]) => [code, status]))).toEqual(
    STATUS,
  );
});

test.each(codes)('%s has the one shape of all errors', async (code) => {
  const answer = await answerTo(new AppError(code, 'A sentence.', { cause: new Error('/srv/secret') }));
  expect(answer.status).toBe(STATUS[code]);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.body).toEqual({
    type: `/problems/${code.toLowerCase()}`,
    title: problems[code][1],
    status: STATUS[code],
    detail: 'A sentence.',
    instance: '/some/path',
    request_id: 'the-id',
    error: { code, message: 'A sentence.', details: {} },
  });
  expect(answer.text).not.toContain('/srv/secret');
});

test('the details of a refusal reach the client whole', async () => {
  const details = {
    params: [{ name: 'model_type', message: 'm', received: 'r', allowed: 'a', did_you_mean: 'd' }],
    valid_model_types: ['starter'],
    valid_instruments: ['drums'],
  };
  const answer = await answerTo(new AppError('INVALID_PARAMETERS', 'x', { details }));
  expect(answer.body.error.details).toEqual(details);
});

describe('what was thrown without a code', () => {
  test.each([
    new Error('ENOENT: /srv/data/tasks.db'),
    new TypeError('secret is not a function'),
    Object.assign(new Error('x'), { message: '/srv/secret' }),
    new HTTPException(500, { message: '/srv/secret' }),
  ])('is INTERNAL, without its own words or stack (%s)', async (thrown) => {
    const answer = await answerTo(thrown);
    expect(answer.status).toBe(500);
    expect(answer.body.error.code).toBe('INTERNAL');
    expect(answer.text).not.toMatch(/srv|secret|\bat\b .*:\d+|ENOENT/);
    expect(answer.body.request_id).toBe('the-id');
  });

  test('is told to the log, with its stack and what caused it; a fault of the request or of the moment is not', async () => {
    const lines: string[] = [];
    const log = pino(
      { serializers: { err: pino.stdSerializers.errWithCause } },
      { write: (line: string) => lines.push(line) },
    );
    const mistake = new TypeError('it is not a function', { cause: new Error('the cause') });
    await answerTo(mistake, log);
    await answerTo(new AppError('MODEL_UNAVAILABLE', 'It cannot be loaded.', { cause: mistake }), log);
    const told = lines.map(
      (line) => JSON.parse(line) as { level: number; requestId: string; err: { stack: string } },
    );
    expect(told.map(({ level, requestId }) => [level, requestId])).toEqual(Array(2).fill([50, 'the-id']));
    for (const { err } of told) {
      expect(err.stack).toMatch(/it is not a function\n {4}at |caused by|errors\.test\.ts/);
      expect(JSON.stringify(err)).toContain('errors.test.ts');
    }
    const faults = codes.filter((code) => STATUS[code] < 500 || STATUS[code] === 503);
    for (const code of faults) await answerTo(new AppError(code, 'Not ours.'), log);
    expect(lines).toHaveLength(2);
  });

  test.each(['ENOSPC', 'EDQUOT', 'SQLITE_FULL'])('because the disk is full (%s) is 507', async (code) => {
    const full = Object.assign(new Error('no space left on /srv'), { code });
    for (const thrown of [full, new Error('Failed query: /srv', { cause: full })]) {
      const answer = await answerTo(thrown);
      expect(answer.status).toBe(507);
      expect(answer.body.error).toMatchObject({
        code: 'INSUFFICIENT_STORAGE',
        message: 'The disk of the server is full. Try again later.',
      });
      expect(answer.text).not.toContain('/srv');
    }
  });

  test('by the framework about the request is the fault of the request', async () => {
    const answer = await answerTo(new HTTPException(400, { message: 'Malformed JSON' }));
    expect(answer.status).toBe(400);
    expect(answer.body.error.code).toBe('INVALID_PARAMETERS');
  });
});

describe('what stands in headers', () => {
  test.each([
    [0, '1'],
    [0.2, '1'],
    [1.2, '2'],
    [40, '40'],
  ])(
    'a wait of %d s is Retry-After: %s, in whole seconds of at least 1',
    async (retryAfterSeconds, expected) => {
      const answer = await answerTo(new AppError('QUEUE_FULL', 'x', { hints: { retryAfterSeconds } }));
      expect(answer.headers.get('retry-after')).toBe(expected);
    },
  );

  test('are the challenge, the allowed methods and the size of the file', async () => {
    const hints = { challenge: 'Bearer', allow: ['GET', 'DELETE'], sizeBytes: 0 };
    const { headers } = await answerTo(new AppError('INTERNAL', 'x', { hints }));
    expect(headers.get('www-authenticate')).toBe('Bearer');
    expect(headers.get('allow')).toBe('GET, DELETE');
    expect(headers.get('content-range')).toBe('bytes */0');
  });

  test('is nothing that was not said', async () => {
    const { headers } = await answerTo(new AppError('INTERNAL', 'x'));
    for (const name of ['retry-after', 'www-authenticate', 'allow', 'content-range', 'connection'])
      expect(headers.has(name)).toBe(false);
  });
});
