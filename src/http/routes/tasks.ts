import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { closest } from '../../didYouMean.ts';
import { AppError, type ParamProblem } from '../../errors.ts';
import { logStatus } from '../../tasks/statusLog.ts';
import { taskStatuses, type TaskStatus } from '../../tasks/taskState.ts';
import { addRoute } from '../documented/addRoute.ts';
import { emptyAnswer, jsonAnswer } from '../documented/answers.ts';
import { curl } from '../documented/curl.ts';
import { pageExamples, taskExamples } from '../documented/examples.ts';
import { taskIdParameter } from '../documented/parameters.ts';
import { problemAnswers } from '../documented/problemAnswers.ts';
import { requestLog } from '../requestLog.ts';
import type { HttpEnv } from '../env.ts';
import { taskPageSchema, taskSchema } from '../schemas.ts';
import type { HttpServices } from '../services.ts';
import { API_PREFIX, createTaskText, taskToWire } from '../wire.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;
const PAGE_PARAMETERS: readonly string[] = ['status', 'limit', 'cursor'];
const MOST_UNKNOWN_PARAMETERS = 20;
const SHOWN_CHARACTERS = 80;
const CURSOR = /^\d{1,15}$/;

const LIST = { path: `${API_PREFIX}/tasks`, allow: ['GET', 'HEAD'] } as const;
const TASK = { path: `${API_PREFIX}/tasks/{task_id}`, allow: ['GET', 'HEAD', 'DELETE'] } as const;
const CANCEL = { path: `${API_PREFIX}/tasks/{task_id}/cancel`, allow: ['POST'] } as const;

const NO_SUCH_TASK = ['TASK_NOT_FOUND', 'ROUTE_NOT_FOUND'] as const;

const taskId = z.object({ task_id: taskIdParameter });

const limitOutOfRange = `limit is "500"; allowed: 1 to ${String(MAX_LIMIT)}.`;

const listRoute = createRoute({
  method: 'get',
  path: LIST.path,
  operationId: 'listTasks',
  summary: 'List tasks, newest first',
  description: curl(LIST.path, '-G -d status=completed -d limit=20'),
  tags: ['tasks'],
  request: {
    query: z.object({
      status: z
        .string()
        .optional()
        .openapi({
          param: { name: 'status', in: 'query', allowEmptyValue: true },
          description: 'Only tasks of this status.',
          enum: [...taskStatuses],
          example: 'completed',
        }),
      limit: z
        .string()
        .optional()
        .openapi({
          param: { name: 'limit', in: 'query', allowEmptyValue: true },
          type: 'integer',
          minimum: 1,
          maximum: MAX_LIMIT,
          default: DEFAULT_LIMIT,
          description: `How many tasks a page has, 1 to ${String(MAX_LIMIT)}. Default: ${String(DEFAULT_LIMIT)}.`,
          example: 20,
        }),
      cursor: z
        .string()
        .optional()
        .openapi({
          param: { name: 'cursor', in: 'query', allowEmptyValue: true },
          pattern: CURSOR.source,
          description: '`next_cursor` of the page before. Default: the first page.',
          example: '41',
        }),
    }),
  },
  responses: {
    200: jsonAnswer(taskPageSchema, 'A page of tasks.', pageExamples, {
      links: ['getFirstTask', 'nextPage'],
    }),
    ...problemAnswers(LIST, [], {
      samples: {
        INVALID_PARAMETERS: {
          message: limitOutOfRange,
          details: {
            params: [
              {
                name: 'limit',
                message: limitOutOfRange,
                received: '500',
                allowed: `1 to ${String(MAX_LIMIT)}`,
              },
            ],
          },
        },
      },
    }),
  },
});

const getRoute = createRoute({
  method: 'get',
  path: TASK.path,
  operationId: 'getTask',
  summary: 'How far a task is',
  description: curl(TASK.path),
  tags: ['tasks'],
  request: { params: taskId },
  responses: {
    200: jsonAnswer(taskSchema, 'The task.', taskExamples, {
      links: ['getResults', 'cancelTask', 'deleteTask'],
    }),
    ...problemAnswers(TASK, NO_SUCH_TASK),
  },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: TASK.path,
  operationId: 'deleteTask',
  summary: 'Delete a task with its files, running or not',
  description: curl(TASK.path, '-X DELETE'),
  tags: ['tasks'],
  request: { params: taskId },
  responses: {
    204: emptyAnswer('It is gone.'),
    ...problemAnswers(TASK, [...NO_SUCH_TASK, 'INSUFFICIENT_STORAGE']),
  },
});

const cancelRoute = createRoute({
  method: 'post',
  path: CANCEL.path,
  operationId: 'cancelTask',
  summary: 'Cancel a task that has not ended',
  description: curl(CANCEL.path, '-X POST'),
  tags: ['tasks'],
  request: { params: taskId },
  responses: {
    200: jsonAnswer(
      taskSchema,
      'The cancelled task.',
      { cancelled: taskExamples.cancelled },
      { links: ['getTask', 'deleteTask'] },
    ),
    ...problemAnswers(CANCEL, [...NO_SUCH_TASK, 'TASK_ALREADY_ENDED', 'INSUFFICIENT_STORAGE']),
  },
});

/** The task routes but submitting. */
export function registerTasks(app: OpenAPIHono<HttpEnv>, { tasks, publicUrl }: HttpServices): void {
  const taskText = createTaskText(publicUrl);

  addRoute(app, listRoute, async (c) => {
    const { status, limit, before } = readPageQuery(c.req.queries());
    const views = await tasks.page({ owner: c.get('owner'), status, before, limit: limit + 1 });
    const shown = views.slice(0, limit);
    const last = shown.at(-1);
    const next_cursor = views.length > limit && last ? String(last.task.seq) : null;
    return c.json({ tasks: shown.map((view) => taskToWire(view, publicUrl)), next_cursor }, 200);
  });

  addRoute(app, getRoute, async (c) => {
    const view = await tasks.find(c.req.param('task_id'), c.get('owner'));
    if (!view) throw taskNotFound();
    return c.body(taskText(view), 200, JSON_TYPE);
  });

  addRoute(app, deleteRoute, async (c) => {
    if (!(await tasks.remove(c.req.param('task_id'), c.get('owner')))) throw taskNotFound();
    requestLog(c).info({ taskId: c.req.param('task_id') }, 'a task was deleted');
    return c.body(null, 204);
  });

  addRoute(app, cancelRoute, async (c) => {
    const view = await tasks.cancel(c.req.param('task_id'), c.get('owner'));
    if (!view) throw taskNotFound();
    if (view === 'ended') {
      throw new AppError('TASK_ALREADY_ENDED', 'The task has ended already: there is nothing to cancel.');
    }
    logStatus(requestLog(c), view.task.taskId, 'cancelled', {
      processingSeconds: secondsBetween(view.task.startedAt, view.task.completedAt),
      stageSeconds: view.stageSeconds,
    });
    return c.json(taskToWire(view, publicUrl), 200);
  });
}

const secondsBetween = (start: number | null, end: number | null) =>
  start === null || end === null ? null : Math.max(0, end - start) / 1000;

/** The answer for a task that does not exist, and for one that is somebody else's. */
export const taskNotFound = () =>
  new AppError('TASK_NOT_FOUND', 'There is no task of this id. Finished tasks are removed after some time.');

function readPageQuery(query: Record<string, string[]>): {
  status: TaskStatus | undefined;
  limit: number;
  before: number | undefined;
} {
  const problems = unknownParameters(query);
  const read = <T>(name: string, allowed: string, parse: (value: string) => T | undefined): T | undefined => {
    const values = query[name] ?? [];
    const value = values[0];
    if (value === undefined || value === '') return undefined;
    const parsed = values.length === 1 ? parse(value) : undefined;
    if (parsed === undefined) {
      const received = values.join(', ').slice(0, SHOWN_CHARACTERS);
      problems.push({
        name,
        message: `${name} is ${JSON.stringify(received)}; allowed: ${allowed}.`,
        received,
        allowed,
      });
    }
    return parsed;
  };
  const whole = (value: string) => (CURSOR.test(value) ? Number(value) : undefined);
  const status = read('status', taskStatuses.join(', '), (value) =>
    taskStatuses.find((known) => known === value),
  );
  const limit = read('limit', `1 to ${String(MAX_LIMIT)}`, (value) => {
    const number = whole(value);
    return number !== undefined && number >= 1 && number <= MAX_LIMIT ? number : undefined;
  });
  const before = read('cursor', 'the next_cursor of a page', whole);
  if (problems.length > 0) {
    const message = problems.map((problem) => problem.message).join(' ');
    throw new AppError('INVALID_PARAMETERS', message, { details: { params: problems } });
  }
  return { status, limit: limit ?? DEFAULT_LIMIT, before };
}

/** What would be ignored gives another list than the one that was meant. */
function unknownParameters(query: Record<string, string[]>): ParamProblem[] {
  return Object.keys(query)
    .filter((name) => !PAGE_PARAMETERS.includes(name))
    .slice(0, MOST_UNKNOWN_PARAMETERS)
    .map((given) => {
      const name = given.slice(0, SHOWN_CHARACTERS);
      const near = closest(given, PAGE_PARAMETERS);
      const allowed = PAGE_PARAMETERS.join(', ');
      return {
        name,
        message: `There is no parameter ${JSON.stringify(name)}${near === null ? `; allowed: ${allowed}.` : `. Did you mean "${near}"?`}`,
        allowed,
        ...(near === null ? {} : { did_you_mean: near }),
      };
    });
}
