import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { AppError } from '../../errors.ts';
import type { Task } from '../../tasks/task.ts';
import { errorResponses, jsonBody } from '../documented.ts';
import { sendFile } from '../download.ts';
import type { HttpEnv } from '../env.ts';
import { downloadName } from '../filename.ts';
import { resultsSchema } from '../schemas.ts';
import type { HttpServices } from '../services.ts';
import { API_PREFIX, resultsToWire } from '../wire.ts';
import { taskNotFound } from './tasks.ts';

const taskId = z.string().openapi({
  description: 'The task, as POST /separate named it.',
  example: '0b5c3f0e-8f0e-4a53-9d0d-4f8a1f6a2c11',
});

const resultsRoute = createRoute({
  method: 'get',
  path: `${API_PREFIX}/tasks/{task_id}/results`,
  operationId: 'getResults',
  summary: 'The stems of a completed task',
  tags: ['results'],
  request: { params: z.object({ task_id: taskId }) },
  responses: { 200: jsonBody(resultsSchema, 'The stems with their URLs.'), ...errorResponses(404, 409, 410) },
});

const audio = { schema: z.string().openapi({ format: 'binary' }) };
const file = { 'audio/wav': audio, 'audio/flac': audio };
const downloadRoute = createRoute({
  method: 'get',
  path: `${API_PREFIX}/download/{task_id}/{filename}`,
  operationId: 'downloadStem',
  summary: 'One stem, whole or by range',
  tags: ['results'],
  request: {
    params: z.object({
      task_id: taskId,
      filename: z.string().openapi({ description: 'As the results name it.', example: 'drums.wav' }),
    }),
    headers: z.object({
      range: z.string().optional().openapi({ description: 'One byte range.', example: 'bytes=0-1048575' }),
      'if-range': z.string().optional().openapi({ description: 'The ETag the range belongs to.' }),
      'if-none-match': z.string().optional().openapi({ description: 'An ETag that the client has.' }),
    }),
  },
  responses: {
    200: { description: 'The file.', content: file },
    206: { description: 'The range of it.', content: file },
    304: { description: 'The client has it already.' },
    ...errorResponses(404, 410, 416),
  },
});

const CONTENT_TYPE = { wav: 'audio/wav', flac: 'audio/flac' } as const;

/** The routes that give out what a task made. */
export function registerResults(app: OpenAPIHono<HttpEnv>, services: HttpServices): void {
  const { tasks, publicUrl, resultsKeptMs } = services;

  app.openapi(resultsRoute, async (c) => {
    const view = await tasks.find(c.req.param('task_id'), c.var.owner);
    if (!view) throw taskNotFound();
    requireCompleted(view.task);
    if (view.task.filesExpiredAt !== null) throw resultsExpired();
    const stems = await tasks.stemsOf(view.task);
    return c.json(resultsToWire(view.task, stems, publicUrl, resultsKeptMs), 200);
  });

  // Registered by hand: the answer is a stream of one of several statuses, which no schema describes.
  app.openAPIRegistry.registerPath(downloadRoute);
  app.get(downloadRoute.getRoutingPath(), async (c) => {
    const view = await tasks.find(c.req.param('task_id'), c.var.owner);
    const stems = view?.task.status === 'completed' ? await tasks.stemsOf(view.task) : [];
    const stem = stems.find((candidate) => candidate.filename === c.req.param('filename'));
    if (!view || !stem) {
      throw new AppError(
        'FILE_NOT_FOUND',
        'There is no such file. GET /tasks/{task_id}/results lists what there is.',
      );
    }
    const isGone = view.task.filesExpiredAt !== null;
    if (isGone || (await services.stemSize(stem.storageKey)) !== stem.bytes) throw resultsExpired();
    return sendFile(c, {
      bytes: stem.bytes,
      etag: `"${stem.sha256}"`,
      contentType: CONTENT_TYPE[stem.format],
      downloadName: downloadName(view.task.mixture.filename, stem.instrument, stem.format),
      read: (range) => services.readStem(stem.storageKey, range),
    });
  });
}

const resultsExpired = () =>
  new AppError('RESULTS_EXPIRED', 'The results of this task are not kept any more.');

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
