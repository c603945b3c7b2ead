import { beforeEach, describe, expect, test } from 'vitest';
import type { Log } from '../../../src/log/log.ts';
import { createTaskLog } from '../../../src/tasks/taskLog.ts';
import type { TaskEvent } from '../../../src/tasks/taskEvent.ts';
import { runningTask } from '../../support/newTask.ts';

let lines: unknown[];
const log = { info: (facts: object, message: string) => lines.push({ ...facts, message }) } as unknown as Log;
const write = createTaskLog(log, { stageSeconds: () => ({ separating: 2 }) });
const event = (given: Partial<TaskEvent> & Pick<TaskEvent, 'type'>): TaskEvent => ({
  number: 1,
  at: 3_500,
  task: runningTask({ taskId: 't', startedAt: 1_000 }),
  facts: {},
  ...given,
});
const base = { taskId: 't', attempt: 1, modelType: 'starter', message: 'task status' };

beforeEach(() => {
  lines = [];
});

test.each([
  ['task.queued', 'pending'],
  ['task.started', 'processing'],
  ['task.requeued', 'requeued'],
  ['task.expired', 'expired'],
  ['task.deleted', 'deleted'],
] as const)('%s is a line with the status %s and what is known beside the task', (type, status) => {
  write(event({ type, facts: { requestId: 'r', workerId: 'w', outcome: 'hung' } }));
  expect(lines).toEqual([{ ...base, status, requestId: 'r', workerId: 'w', outcome: 'hung' }]);
});

test('the time that an upload waited is told in whole milliseconds', () => {
  write(event({ type: 'task.queued', facts: { waitedMs: 0.6 } }));
  expect(lines).toEqual([{ ...base, status: 'pending', waitedMs: 1 }]);
});

describe('the end of a task', () => {
  test('is told with how long it took, in all and stage by stage', () => {
    write(
      event({
        type: 'task.completed',
        task: runningTask({ ...event({ type: 'task.completed' }).task, processingSeconds: 7 }),
      }),
    );
    expect(lines).toEqual([
      { ...base, status: 'completed', processingSeconds: 7, stageSeconds: { separating: 2 } },
    ]);
  });

  test('is told with why it failed', () => {
    const failure = { code: 'TIMEOUT' as const, message: 'It hung.' };
    write(event({ type: 'task.failed', task: runningTask({ taskId: 't', failure, processingSeconds: 7 }) }));
    expect(lines).toMatchObject([{ status: 'failed', failure, processingSeconds: 7 }]);
  });

  test.each([
    [1_000, 3_500, 2.5],
    [5_000, 3_500, 0],
    [null, 3_500, null],
    [0, 500, 0.5],
  ])(
    'by a cancel, of a task that began at %s, at %s, is told with the time between',
    (startedAt, at, seconds) => {
      write(event({ type: 'task.cancelled', at, task: runningTask({ startedAt }) }));
      expect(lines).toMatchObject([{ status: 'cancelled', processingSeconds: seconds }]);
    },
  );

  test('is told with no stages where no attempt ran here', () => {
    createTaskLog(log, { stageSeconds: () => undefined })(event({ type: 'task.failed' }));
    expect(lines).toMatchObject([{ stageSeconds: {} }]);
  });
});
