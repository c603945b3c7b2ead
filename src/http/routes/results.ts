import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { AppError } from '../../errors.ts';
import type { Task } from '../../tasks/task.ts';
import { addRoute } from '../openapi/addRoute.ts';
import { jsonAnswer, stemAnswers, stemHeadAnswers } from '../openapi/answers.ts';
import { curl, EXAMPLE } from '../openapi/exampleIds.ts';
import { resultsExamples } from '../openapi/examples.ts';
import { taskIdParameter } from '../openapi/parameters.ts';
import { problemAnswers } from '../openapi/problemAnswers.ts';
import { sendFile } from '../download/download.ts';
import type { HttpEnv } from '../request/env.ts';
import { downloadName } from '../download/filename.ts';
import { resultsSchema } from '../openapi/schemas.ts';
import type { HttpServices } from './services.ts';
import { expiresAt, resultsToWire } from '../openapi/wire.ts';
import { API_PREFIX } from '../request/publicPath.ts';
import { taskNotFound } from './tasks.ts';

const RESULTS = { path: `${API_PREFIX}/tasks/{task_id}/results`, allow: ['GET', 'HEAD'] } as const;
const DOWNLOAD = { path: `${API_PREFIX}/download/{task_id}/{filename}`, allow: ['GET', 'HEAD'] } as const;

const resultsRoute = createRoute({
  method: 'get',
  path: RESULTS.path,
  operationId: 'getResults',
  summary: 'The stems of a completed task',
  description: curl(RESULTS.path),
  tags: ['results'],
  request: { params: z.object({ task_id: taskIdParameter }) },
  responses: {
    200: jsonAnswer(resultsSchema, 'The stems with their URLs.', resultsExamples, {
      links: ['downloadStem', 'deleteTask'],
    }),
    ...problemAnswers(RESULTS, [
      'TASK_NOT_FOUND',
      'ROUTE_NOT_FOUND',
      'TASK_NOT_COMPLETED',
      'TASK_FAILED',
      'RESULTS_EXPIRED',
    ]),
  },
});

const stem = z.object({
  task_id: taskIdParameter,
  filename: z
    .string()
    .openapi({ description: 'The file name given in the results.', example: EXAMPLE.filename }),
});
const known = z
  .string()
  .optional()
  .openapi({
    description: 'An ETag known to the client: the file is sent only if its ETag differs.',
    example: `"${EXAMPLE.stemSha256}"`,
  });
const GONE = ['FILE_NOT_FOUND', 'ROUTE_NOT_FOUND', 'RESULTS_EXPIRED'] as const;
const TOO_MANY_FILES = {
  SERVER_BUSY: {
    message: 'The server has too many files open. Try again in a moment.',
    hints: { retryAfterSeconds: 10 },
  },
};

const downloadRoute = createRoute({
  method: 'get',
  path: DOWNLOAD.path,
  operationId: 'downloadStem',
  summary: 'Download one stem, whole or a range',
  description: curl(DOWNLOAD.path, '-OJ'),
  tags: ['results'],
  request: {
    params: stem,
    headers: z.object({
      Range: z.string().optional().openapi({
        description:
          'One byte range. Default: the whole file, which is also sent for multiple or malformed ranges.',
        example: 'bytes=0-1048575',
      }),
      'If-Range': z
        .string()
        .optional()
        .openapi({
          description:
            'The ETag that the range refers to; if the file has another one, the whole file is sent.',
          example: `"${EXAMPLE.stemSha256}"`,
        }),
      'If-None-Match': known,
    }),
  },
  responses: {
    ...stemAnswers,
    ...problemAnswers(DOWNLOAD, [...GONE, 'RANGE_NOT_SATISFIABLE', 'SERVER_BUSY'], {
      samples: TOO_MANY_FILES,
    }),
  },
});
const downloadHeadRoute = createRoute({
  method: 'head',
  path: DOWNLOAD.path,
  operationId: 'headStem',
  summary: 'The size of a stem, without downloading it',
  description: curl(DOWNLOAD.path, '-I'),
  tags: ['results'],
  request: { params: stem, headers: z.object({ 'If-None-Match': known }) },
  responses: { ...stemHeadAnswers, ...problemAnswers(DOWNLOAD, GONE, { hasBody: false }) },
});

const CONTENT_TYPE = { wav: 'audio/wav', flac: 'audio/flac' } as const;

/** Registers the routes for the results of a task. */
export function registerResults(app: OpenAPIHono<HttpEnv>, services: HttpServices): void {
  const { tasks, publicUrl, resultsKeptMs, clock } = services;
  const isExpired = (task: Task) =>
    task.filesExpiredAt !== null || clock.now() >= expiresAt(task, resultsKeptMs);

  addRoute(app, resultsRoute, async (c) => {
    const view = await tasks.find(c.req.param('task_id'), c.get('owner'));
    if (!view) throw taskNotFound();
    requireCompleted(view.task);
    if (isExpired(view.task)) throw resultsExpired();
    const stems = await tasks.stemsOf(view.task);
    return c.json(resultsToWire(view.task, stems, publicUrl, resultsKeptMs), 200);
  });

  addRoute(app, downloadRoute, async (c) => {
    const view = await tasks.find(c.req.param('task_id'), c.get('owner'));
    const stems = view?.task.status === 'completed' ? await tasks.stemsOf(view.task) : [];
    const stem = stems.find((candidate) => candidate.filename === c.req.param('filename'));
    if (!view || !stem) {
      throw new AppError('FILE_NOT_FOUND', `There is no such file. GET ${RESULTS.path} lists the files.`);
    }
    if (isExpired(view.task) || (await services.stemSize(stem.storageKey)) !== stem.bytes)
      throw resultsExpired();
    return sendFile(c, {
      bytes: stem.bytes,
      etag: `"${stem.sha256}"`,
      contentType: CONTENT_TYPE[stem.format],
      downloadName: downloadName(view.task.mixture.filename, stem.instrument, stem.format),
      read: (range) => services.readStem(stem.storageKey, range),
    });
  });
  // Only documented: Hono answers HEAD with the GET handler of the path.
  app.openAPIRegistry.registerPath(downloadHeadRoute);
}

const resultsExpired = () =>
  new AppError('RESULTS_EXPIRED', 'The results of this task have expired and were deleted.');

function requireCompleted(task: Task): void {
  switch (task.status) {
    case 'completed':
      return;
    case 'failed':
      throw new AppError('TASK_FAILED', task.failure?.message ?? 'The task failed.');
    case 'cancelled':
      throw new AppError('TASK_NOT_COMPLETED', 'The task was cancelled: it has no results.');
    case 'pending':
    case 'processing':
      throw new AppError('TASK_NOT_COMPLETED', `The task is ${task.status}: its results are not ready.`);
  }
}
