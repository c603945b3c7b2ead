import { afterEach, describe, expect, test } from 'vitest';
import type { TaskView } from '../../../../src/service/taskView.ts';
import { startHttpApp, type HttpApp } from '../../../support/httpApp.ts';
import { runningTask } from '../../../support/newTask.ts';

const TASK = 'c0ffee00-0000-4000-8000-000000000000';
const view = (given: Partial<TaskView['task']> = {}): TaskView => ({
  task: runningTask({ taskId: TASK, ...given }),
  progress: { percent: 42.5, stage: 'separating', etaSeconds: 17, updatedAt: 3_000 },
  queuePosition: null,
});
const NO_TASK = {
  error: { code: 'TASK_NOT_FOUND', message: expect.stringContaining('no task with this id') },
};

let app: HttpApp;
afterEach(() => app.close());

describe('GET /tasks', () => {
  /** A store of so many tasks, the newest first, which gives as many as it is asked for. */
  async function startWith(count: number) {
    const asked: unknown[] = [];
    app = await startHttpApp({
      tasks: {
        page: (query) => {
          asked.push(query);
          const seqs = Array.from({ length: count }, (_, n) => count - n);
          return Promise.resolve(seqs.slice(0, query.limit).map((seq) => view({ seq, taskId: String(seq) })));
        },
      },
      cursors: {
        write: (seq, owner) => `after ${String(seq)} of ${String(owner)}`,
        read: (text) => (text === 'seven' ? 7 : undefined),
      },
    });
    return asked;
  }
  const page = async (query: string) => {
    const answer = await app.ask(`/tasks${query}`);
    const { tasks, next_cursor } = (await answer.json()) as {
      tasks: { task_id: string }[];
      next_cursor: unknown;
    };
    return { status: answer.status, ids: tasks.map(({ task_id }) => task_id), next_cursor };
  };

  test('gives a page, and where the next one begins', async () => {
    await startWith(5);
    expect(await page('?limit=2')).toEqual({ status: 200, ids: ['5', '4'], next_cursor: 'after 4 of null' });
  });

  test('has no next page where it gave all, also when they just fit', async () => {
    await startWith(2);
    expect(await page('?limit=2')).toEqual({ status: 200, ids: ['2', '1'], next_cursor: null });
    expect(await page('')).toEqual({ status: 200, ids: ['2', '1'], next_cursor: null });
  });

  test('of no tasks is empty', async () => {
    await startWith(0);
    expect(await page('')).toEqual({ status: 200, ids: [], next_cursor: null });
  });

  test('asks for what the query says, and for one more task than it shows', async () => {
    const asked = await startWith(0);
    await page('?status=failed&limit=20&cursor=seven');
    await page('');
    expect(asked).toEqual([
      { owner: null, status: 'failed', limit: 21, before: 7 },
      { owner: null, status: undefined, limit: 51, before: undefined },
    ]);
  });

  test('refuses a query that it cannot read, and asks for nothing', async () => {
    const asked = await startWith(0);
    const answer = await app.ask('/tasks?cursor=eight');
    expect([answer.status, asked]).toEqual([400, []]);
  });
});

describe('GET of a task', () => {
  test('answers with it as JSON, at every step of its own', async () => {
    let percent = 1;
    app = await startHttpApp({
      tasks: { find: () => Promise.resolve({ ...view(), progress: { ...view().progress, percent } }) },
      publicUrl: 'http://localhost/base',
    });
    for (percent of [10, 20]) {
      const answer = await app.ask(`/tasks/${TASK}`);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json']);
      expect(await answer.json()).toMatchObject({
        task_id: TASK,
        progress: { percent },
        links: { self: `http://localhost/base/api/v1/tasks/${TASK}` },
      });
    }
  });

  test('that is not there is answered with 404', async () => {
    app = await startHttpApp({ tasks: { find: () => Promise.resolve(undefined) } });
    const answer = await app.ask(`/tasks/${TASK}`);
    expect([answer.status, await answer.json()]).toMatchObject([404, NO_TASK]);
  });
});

describe('DELETE of a task', () => {
  test.each([
    [true, 204],
    [false, 404],
  ])('that was there: %s', async (isThere, status) => {
    app = await startHttpApp({ tasks: { remove: (id) => Promise.resolve(isThere && id === TASK) } });
    const answer = await app.ask(`/tasks/${TASK}`, { method: 'DELETE' });
    expect(answer.status).toBe(status);
    if (isThere) expect(await answer.text()).toBe('');
    else expect(await answer.json()).toMatchObject(NO_TASK);
  });
});

describe('POST /cancel of a task', () => {
  const cancel = () => app.ask(`/tasks/${TASK}/cancel`, { method: 'POST' });

  test('is answered with the task as it is now, and done in the name of the request', async () => {
    const asked: unknown[] = [];
    app = await startHttpApp({
      tasks: {
        cancel: (...given) => {
          asked.push(given);
          return Promise.resolve(view({ status: 'cancelled' }));
        },
      },
    });
    const answer = await cancel();
    expect([answer.status, await answer.json()]).toMatchObject([200, { task_id: TASK, status: 'cancelled' }]);
    expect(asked).toEqual([[TASK, null, answer.headers.get('x-request-id')]]);
  });

  test('that has ended is answered with 409', async () => {
    app = await startHttpApp({ tasks: { cancel: () => Promise.resolve('ended') } });
    const answer = await cancel();
    expect([answer.status, await answer.json()]).toMatchObject([
      409,
      { error: { code: 'TASK_ALREADY_ENDED', message: expect.stringContaining('cannot be cancelled') } },
    ]);
  });

  test('that is not there is answered with 404', async () => {
    app = await startHttpApp({ tasks: { cancel: () => Promise.resolve(undefined) } });
    const answer = await cancel();
    expect([answer.status, await answer.json()]).toMatchObject([404, NO_TASK]);
  });
});
