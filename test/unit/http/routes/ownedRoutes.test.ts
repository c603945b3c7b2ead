import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import type { Task } from '../../../../src/tasks/task.ts';
import type { TaskView } from '../../../../src/service/taskView.ts';
import { startHttpApp, type HttpApp } from '../../../support/httpApp.ts';
import { newStem, runningTask } from '../../../support/newTask.ts';

const TASK = 'c0ffee00-0000-4000-8000-000000000000';
const KEY = 'key-of-ann-0123456789';
const apiKeys = [{ name: 'ann', sha256: createHash('sha256').update(KEY).digest('hex') }];
const authorization = { headers: { authorization: `Bearer ${KEY}` } };

let app: HttpApp;
afterEach(() => app.close());

const viewOf = (given: Partial<Task>): TaskView => ({
  task: runningTask({ taskId: TASK, ...given }),
  progress: { percent: 0, stage: 'queued', etaSeconds: null, updatedAt: 0 },
  queuePosition: null,
});
const COMPLETED = { status: 'completed', completedAt: 1_800_000_000_000 } as const;

describe('a route looks for its task among those of the key', () => {
  test.each([
    ['GET', `/tasks/${TASK}`],
    ['DELETE', `/tasks/${TASK}`],
    ['POST', `/tasks/${TASK}/cancel`],
    ['GET', `/tasks/${TASK}/results`],
    ['HEAD', `/tasks/${TASK}/results`],
    ['GET', `/download/${TASK}/drums.wav`],
    ['HEAD', `/download/${TASK}/drums.wav`],
  ])('%s %s', async (method, path) => {
    const view = viewOf(COMPLETED);
    const ours = (id: string, owner: string | null) => id === TASK && owner === 'ann';
    app = await startHttpApp(
      {
        tasks: {
          find: (id, owner) => Promise.resolve(ours(id, owner) ? view : undefined),
          remove: (id, owner) => Promise.resolve(ours(id, owner)),
          cancel: (id, owner) => Promise.resolve(ours(id, owner) ? { ...view, stageSeconds: {} } : undefined),
          stemsOf: () => Promise.resolve([newStem(TASK, 1)]),
        },
        stemSize: () => Promise.resolve(4),
        readStem: () => Promise.resolve(Readable.from([Buffer.from('RIFF')])),
      },
      { rules: { apiKeys } },
    );
    expect((await app.ask(path, { method, ...authorization })).ok).toBe(true);
    const other = await app.ask(path.replace('c0ffee', 'abcdef'), { method, ...authorization });
    expect(other.status).toBe(404);
  });

  test('as the list does', async () => {
    const asked: unknown[] = [];
    app = await startHttpApp(
      {
        tasks: {
          page: ({ owner }) => {
            asked.push(owner);
            return Promise.resolve([viewOf({ seq: 2 }), viewOf({ seq: 1 })]);
          },
        },
        cursors: {
          write: (_, owner) => `of ${String(owner)}`,
          read: (_, owner) => (owner === 'ann' ? 7 : undefined),
        },
      },
      { rules: { apiKeys } },
    );
    const answer = await app.ask('/tasks?limit=1&cursor=x', authorization);
    expect([answer.status, await answer.json(), asked]).toMatchObject([
      200,
      { next_cursor: 'of ann' },
      ['ann'],
    ]);
  });
});

describe('the results of a task', () => {
  const start = async (view: TaskView | undefined) => {
    app = await startHttpApp({
      tasks: { find: () => Promise.resolve(view), stemsOf: () => Promise.resolve([newStem(TASK, 1)]) },
      publicUrl: 'http://localhost/base',
    });
    const answer = await app.ask(`/tasks/${TASK}/results`);
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };

  test('have their URLs below the public one', async () => {
    expect(await start(viewOf(COMPLETED))).toMatchObject({
      status: 200,
      body: { stems: [{ url: `http://localhost/base/api/v1/download/${TASK}/drums.wav` }] },
    });
  });

  test.each<[string, Partial<Task>, number, string, string]>([
    [
      'waits',
      { status: 'pending' },
      409,
      'TASK_NOT_COMPLETED',
      'The task is pending: its results are not ready.',
    ],
    [
      'runs',
      { status: 'processing' },
      409,
      'TASK_NOT_COMPLETED',
      'The task is processing: its results are not ready.',
    ],
    [
      'was cancelled',
      { status: 'cancelled' },
      409,
      'TASK_NOT_COMPLETED',
      'The task was cancelled: it has no results.',
    ],
    [
      'failed',
      { status: 'failed', failure: { code: 'TIMEOUT', message: 'It took too long.' } },
      410,
      'TASK_FAILED',
      'It took too long.',
    ],
    ['failed, nobody knows how', { status: 'failed' }, 410, 'TASK_FAILED', 'The task failed.'],
    [
      'has lost its files before their time',
      { ...COMPLETED, filesExpiredAt: 1_800_000_000_000 },
      410,
      'RESULTS_EXPIRED',
      'The results of this task have expired and were deleted.',
    ],
  ])('that %s are not there, and the answer says why', async (_, given, status, code, message) => {
    expect(await start(viewOf(given))).toMatchObject({ status, body: { error: { code, message } } });
  });

  test('that is not there are not there', async () => {
    expect(await start(undefined)).toMatchObject({
      status: 404,
      body: { error: { code: 'TASK_NOT_FOUND' } },
    });
  });
});
