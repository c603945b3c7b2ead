import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { AppError } from '../../errors.ts';
import { taskStatuses } from '../../tasks/taskState.ts';
import { addRoute } from '../openapi/addRoute.ts';
import { emptyAnswer, jsonAnswer } from '../openapi/answers.ts';
import { curl, EXAMPLE } from '../openapi/exampleIds.ts';
import { pageExamples, taskExamples } from '../openapi/examples.ts';
import { taskIdParameter } from '../openapi/parameters.ts';
import { problemAnswers } from '../openapi/problemAnswers.ts';
import { CURSOR } from './pageCursor.ts';
import { DEFAULT_LIMIT, MAX_LIMIT, readPageQuery } from './pageQuery.ts';
import type { HttpEnv } from '../request/env.ts';
import { taskPageSchema, taskSchema } from '../openapi/schemas.ts';
import type { HttpServices } from './services.ts';
import { createTaskText, taskToWire } from '../openapi/wire.ts';
import { API_PREFIX } from '../request/publicPath.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

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
          description: 'Only tasks with this status.',
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
          description: `Number of tasks per page, 1 to ${String(MAX_LIMIT)}. Default: ${String(DEFAULT_LIMIT)}.`,
          example: 20,
        }),
      cursor: z
        .string()
        .optional()
        .openapi({
          param: { name: 'cursor', in: 'query', allowEmptyValue: true },
          pattern: CURSOR.source,
          description: '`next_cursor` of the previous page, unchanged. Default: the first page.',
          example: EXAMPLE.cursor,
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
  summary: 'The status and progress of a task',
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
  summary: 'Delete a task and its files, even while it is running',
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

/** Registers the task routes except submission. */
export function registerTasks(app: OpenAPIHono<HttpEnv>, { tasks, publicUrl, cursors }: HttpServices): void {
  const taskText = createTaskText(publicUrl);

  addRoute(app, listRoute, async (c) => {
    const owner = c.get('owner');
    const { status, limit, before } = readPageQuery(c.req.queries(), (cursor) => cursors.read(cursor, owner));
    const views = await tasks.page({ owner, status, before, limit: limit + 1 });
    const shown = views.slice(0, limit);
    const last = shown.at(-1);
    const next_cursor = views.length > limit && last ? cursors.write(last.task.seq, owner) : null;
    return c.json({ tasks: shown.map((view) => taskToWire(view, publicUrl)), next_cursor }, 200);
  });

  addRoute(app, getRoute, async (c) => {
    const view = await tasks.find(c.req.param('task_id'), c.get('owner'));
    if (!view) throw taskNotFound();
    return c.body(taskText(view), 200, JSON_TYPE);
  });

  addRoute(app, deleteRoute, async (c) => {
    if (!(await tasks.remove(c.req.param('task_id'), c.get('owner'), c.get('requestId'))))
      throw taskNotFound();
    return c.body(null, 204);
  });

  addRoute(app, cancelRoute, async (c) => {
    const view = await tasks.cancel(c.req.param('task_id'), c.get('owner'), c.get('requestId'));
    if (!view) throw taskNotFound();
    if (view === 'ended') {
      throw new AppError('TASK_ALREADY_ENDED', 'The task has already ended, so it cannot be cancelled.');
    }
    return c.json(taskToWire(view, publicUrl), 200);
  });
}

/** The error for a task that does not exist or belongs to another owner. */
export const taskNotFound = () =>
  new AppError('TASK_NOT_FOUND', 'There is no task with this id. Finished tasks are deleted after a while.');
