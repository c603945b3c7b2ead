import { HTTPException } from 'hono/http-exception';
import { afterEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../../src/errors.ts';
import { startHttpApp, type HttpApp } from '../../../support/httpApp.ts';

let app: HttpApp;
afterEach(() => app.close());

/** What the answer and the log say where a route throws this. */
async function thrown(error: unknown) {
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- whatever a route may throw
  app = await startHttpApp({ health: () => Promise.reject(error) });
  const answer = await app.ask('/health');
  const body = (await answer.json()) as { error: { code: string; message: string } };
  const faults = app.lines.filter(({ msg }) => msg === 'a request failed');
  return { status: answer.status, ...body.error, faults, retryAfter: answer.headers.get('retry-after') };
}
const withCode = (code: string) => Object.assign(new Error('told to the log alone'), { code });

describe('what a route throws', () => {
  test.each([
    [
      new Error('secret'),
      500,
      'INTERNAL',
      'Internal error. Quote the request_id to the administrator of this server.',
    ],
    [withCode('EACCES'), 500, 'INTERNAL', expect.any(String)],
    [withCode('ENOSPC'), 507, 'INSUFFICIENT_STORAGE', 'The disk of the server is full. Try again later.'],
    [withCode('EMFILE'), 503, 'SERVER_BUSY', 'The server has too many files open. Try again in a moment.'],
    [withCode('ENFILE'), 503, 'SERVER_BUSY', 'The server has too many files open. Try again in a moment.'],
    [new HTTPException(500, { message: 'secret' }), 500, 'INTERNAL', expect.any(String)],
    [new AppError('MODEL_UNAVAILABLE', 'It is broken.'), 500, 'MODEL_UNAVAILABLE', 'It is broken.'],
  ])(
    '(%s) and is the fault of the server, is in the log with all it says',
    async (error, status, code, message) => {
      const answer = await thrown(error);
      expect(answer).toMatchObject({ status, code, message });
      expect(answer.faults).toMatchObject([{ level: 50, err: { message: error.message } }]);
    },
  );

  test.each([
    [new HTTPException(400, { message: 'x' }), 400, 'INVALID_PARAMETERS', 'The request cannot be read.'],
    [new AppError('QUEUE_FULL', 'Full.'), 503, 'QUEUE_FULL', 'Full.'],
    [new AppError('TASK_NOT_FOUND', 'None.'), 404, 'TASK_NOT_FOUND', 'None.'],
  ])('(%s) and is none, is told to the client alone', async (error, status, code, message) => {
    expect(await thrown(error)).toMatchObject({ status, code, message, faults: [] });
  });

  test('for want of descriptors comes with when to try again', async () => {
    expect((await thrown(withCode('EMFILE'))).retryAfter).toBe('10');
  });

  test('has its code in the line about the request', async () => {
    await thrown(withCode('EMFILE'));
    expect(app.lines.at(-1)).toMatchObject({ msg: 'request', status: 503, code: 'SERVER_BUSY' });
  });
});
