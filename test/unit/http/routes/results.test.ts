import { OpenAPIHono } from '@hono/zod-openapi';
import { describe, expect, test } from 'vitest';
import { createLog } from '../../../../src/log/log.ts';
import type { HttpEnv } from '../../../../src/http/request/env.ts';
import { answerError } from '../../../../src/http/middleware/errors.ts';
import { registerResults } from '../../../../src/http/routes/results.ts';
import type { HttpServices } from '../../../../src/http/routes/services.ts';
import type { TaskStatus } from '../../../../src/tasks/taskState.ts';
import { newOutgoing } from '../../../support/downloadApp.ts';
import { ManualClock } from '../../../support/manualClock.ts';
import { newStem, newTask } from '../../../support/newTask.ts';

const KEPT_MS = 3_600_000;
const TASK = 'c0ffee00-0000-4000-8000-000000000000';
const RESULTS = `/api/v1/tasks/${TASK}/results`;
const DOWNLOAD = `/api/v1/download/${TASK}/drums.wav`;

/** The routes over one task that has ended now, whose files no cleanup ever removes. */
function start(status: TaskStatus) {
  const clock = new ManualClock();
  const task = {
    ...newTask({ taskId: TASK }),
    status,
    completedAt: clock.now(),
    filesExpiredAt: null,
    failure: status === 'failed' ? { code: 'SEPARATION_FAILED', message: 'No such luck.' } : null,
  };
  const stem = { ...newStem(TASK, 1), filename: 'drums.wav', bytes: 4 };
  const app = new OpenAPIHono<HttpEnv>();
  app.use(async (c, next) => {
    c.set('rootLog', createLog('silent'));
    const outgoing = newOutgoing();
    c.env = { incoming: outgoing.req, outgoing };
    await next();
  });
  registerResults(app, {
    tasks: { find: () => Promise.resolve({ task }), stemsOf: () => Promise.resolve([stem]) },
    stemSize: () => Promise.resolve(4),
    readStem: async () => (await import('node:stream')).Readable.from([Buffer.from('RIFF')]),
    resultsKeptMs: KEPT_MS,
    clock,
    publicUrl: '',
  } as unknown as HttpServices);
  app.onError(answerError);
  const ask = async (path: string) => {
    const statuses = [];
    for (const method of ['GET', 'HEAD']) statuses.push((await app.request(path, { method })).status);
    return statuses;
  };
  return { clock, ask, app };
}

describe('at the moment that the results name as their end, whenever the files are removed', () => {
  test.each([RESULTS, DOWNLOAD])('%s is answered with 410, and not before', async (path) => {
    const { clock, ask, app } = start('completed');
    const { expires_at } = (await (await app.request(RESULTS)).json()) as { expires_at: string };
    expect(await ask(path)).toEqual([200, 200]);
    clock.advance(Date.parse(expires_at) - clock.now() - 1);
    expect(await ask(path)).toEqual([200, 200]);
    clock.advance(1);
    expect(await ask(path)).toEqual([410, 410]);
    expect(await (await app.request(path)).json()).toMatchObject({ error: { code: 'RESULTS_EXPIRED' } });
  });
});

test.each([
  ['failed', [410, 410], 'TASK_FAILED'],
  ['cancelled', [409, 409], 'TASK_NOT_COMPLETED'],
] as const)('a task that %s says so before and after that moment', async (status, statuses, code) => {
  const { clock, ask, app } = start(status);
  for (const ms of [0, KEPT_MS]) {
    clock.advance(ms);
    expect(await ask(RESULTS)).toEqual(statuses);
    expect(await (await app.request(RESULTS)).json()).toMatchObject({ error: { code } });
    expect(await ask(DOWNLOAD)).toEqual([404, 404]);
  }
});
