import { z, type OpenAPIHono, type RouteConfig } from '@hono/zod-openapi';
import type { IncomingMessage } from 'node:http';
import { AppError, type ParamProblem } from '../../errors.ts';
import type { SeparationOptions } from '../../contract/options.ts';
import { optionProblems, resolveOptions } from '../../models/catalog/optionRules.ts';
import type { ModelEntry } from '../../models/inspection/modelEntry.ts';
import { jsonAnswer } from '../openapi/answers.ts';
import { curl, EXAMPLE } from '../openapi/exampleIds.ts';
import { taskExamples } from '../openapi/examples.ts';
import { headers } from '../openapi/headers.ts';
import { problemAnswers } from '../openapi/problemAnswers.ts';
import { requestLog } from '../request/requestLog.ts';
import type { HttpEnv } from '../request/env.ts';
import { displayFilename } from '../download/filename.ts';
import { idempotencyKeyParameter, readIdempotencyKey } from '../upload/idempotencyKey.ts';
import { readUploadForm, type UploadForm } from '../upload/multipart.ts';
import { taskSchema } from '../openapi/schemas.ts';
import type { HttpServices } from './services.ts';
import { FORM_FIELDS, readSubmissionForm } from '../upload/submissionForm.ts';
import { refuseMisplaced, waitsForContinue } from '../upload/submissionHead.ts';
import { optionFields } from '../openapi/optionSchemas.ts';
import { taskToWire } from '../openapi/wire.ts';
import { API_PREFIX } from '../request/publicPath.ts';

const SEPARATE = { path: `${API_PREFIX}/separate`, allow: ['POST'] } as const;

/** The documented form. The body is parsed as a stream, not with this schema, which would buffer the file. */
const formSchema = z.strictObject({
  file: z.string().openapi({
    format: 'binary',
    description:
      'The recording: WAV, FLAC, MP3, OGG (Vorbis, Opus) or M4A (AAC, ALAC), recognised by content. The field may also be named `audio`.',
  }),
  model_type: z.string().optional().openapi({
    description: 'The name of a model (see GET /models) or an MSST architecture. Default: the default model.',
    example: EXAMPLE.modelType,
  }),
  ...optionFields,
});

const formExamples = {
  every_stem: { summary: 'Every stem of the default model', value: { file: '(the bytes of song.mp3)' } },
  chosen: {
    summary: 'Two stems of a named model, as FLAC',
    value: {
      file: '(the bytes of song.mp3)',
      model_type: EXAMPLE.modelType,
      instruments: ['drums', 'bass'],
      output_format: 'flac',
      pcm_type: 'PCM_16',
    },
  },
};

const unknownModelProblem = {
  name: 'model_type',
  message: 'model_type "statrer" is not known. Did you mean "starter"? Valid: starter, vocals.',
  received: 'statrer',
  allowed: 'starter, vocals',
  did_you_mean: 'starter',
};
const unknownModel = {
  message: unknownModelProblem.message,
  details: { params: [unknownModelProblem], valid_model_types: ['starter', 'vocals'] },
};

const separateRoute = {
  method: 'post',
  path: SEPARATE.path,
  operationId: 'separate',
  summary: 'Separate a recording into stems',
  description: curl(SEPARATE.path, '-F file=@song.mp3 -F instruments=drums,bass -F output_format=flac'),
  tags: ['tasks'],
  request: {
    headers: z.object({ 'Idempotency-Key': idempotencyKeyParameter }),
    body: {
      required: true,
      description: 'The recording and the options of the separation.',
      content: { 'multipart/form-data': { schema: formSchema, examples: formExamples } },
    },
  },
  responses: {
    201: jsonAnswer(
      taskSchema,
      'The new task, which is now waiting for a worker.',
      { pending: taskExamples.pending },
      {
        headers: { ...headers.location, ...headers.replayed, ...headers.serverTiming },
        links: ['getTask', 'getResults', 'cancelTask', 'deleteTask'],
      },
    ),
    ...problemAnswers(
      SEPARATE,
      [
        'INVALID_PARAMETERS',
        'INVALID_MULTIPART',
        'UNSUPPORTED_FORMAT',
        'INVALID_AUDIO',
        'FILE_TOO_LARGE',
        'AUDIO_TOO_LONG',
        'IDEMPOTENCY_KEY_REUSED',
        'MODEL_UNAVAILABLE',
        'QUEUE_FULL',
        'SHUTTING_DOWN',
        'SERVER_BUSY',
        'INSUFFICIENT_STORAGE',
      ],
      { samples: { INVALID_PARAMETERS: unknownModel } },
    ),
  },
} as const satisfies RouteConfig;

/** Registers POST /separate, which creates a task from a file and its options. */
export function registerSeparate(app: OpenAPIHono<HttpEnv>, services: HttpServices): void {
  app.openAPIRegistry.registerPath(separateRoute);
  app.post(SEPARATE.path, async (c) => {
    const { tasks, uploads } = services;
    const { incoming, outgoing } = c.env;
    const isWaiting = waitsForContinue(incoming);
    // A client that is refused now never sends the body, so nothing can follow it on its connection.
    c.set('mustClose', isWaiting);
    const { idempotencyKey, earlierTaskId } = await admit(incoming, c.get('owner'), tasks);
    c.set('mustClose', false);
    if (isWaiting) outgoing.writeContinue();
    const form = await readUploadForm(incoming, (source) => uploads.receive(source));
    try {
      const { file, model, options } = await check(form, services);
      const view = await tasks.submit({
        caller: c.get('owner') ?? c.get('address')?.() ?? '',
        owner: c.get('owner'),
        upload: file.upload,
        filename: displayFilename(file.filename),
        model,
        options,
        idempotencyKey,
        earlierTaskId,
        requestId: c.get('requestId'),
      });
      const task = taskToWire(view, services.publicUrl);
      const answered = { location: task.links.self, 'server-timing': `wait;dur=${view.waitedMs.toFixed(0)}` };
      if (view.isRepeat) {
        requestLog(c).info({ taskId: task.task_id }, 'a submission was repeated');
        return c.json(task, 201, { ...answered, 'idempotent-replayed': 'true' });
      }
      return c.json(task, 201, answered);
    } finally {
      await form.file?.upload.discard();
    }
  });
}

/** Makes all checks that are possible before the body is read. @returns the idempotency key and its task, if there are any */
async function admit(incoming: IncomingMessage, owner: string | null, tasks: HttpServices['tasks']) {
  const length = incoming.headers['content-length'];
  refuseMisplaced(incoming, FORM_FIELDS);
  const idempotencyKey = readIdempotencyKey(incoming.headers);
  const earlierTaskId = await tasks.admit(length === undefined ? null : Number(length), {
    owner,
    idempotencyKey,
  });
  return { idempotencyKey, earlierTaskId };
}

async function check(
  form: UploadForm,
  { catalog }: HttpServices,
): Promise<{ file: NonNullable<UploadForm['file']>; model: ModelEntry; options: SeparationOptions }> {
  const submitted = readSubmissionForm(form.fields);
  const problems: ParamProblem[] = [...fileProblems(form), ...submitted.problems];
  const found = await catalog.require(submitted.modelType);
  const model = 'problem' in found ? undefined : found;
  if ('problem' in found) problems.push(found.problem);
  const resolved = model
    ? resolveOptions(model, submitted.options)
    : { problems: optionProblems(submitted.options) };
  if ('problems' in resolved) problems.push(...resolved.problems);
  if (problems.length > 0 || !form.file || !model || !('options' in resolved)) {
    throw invalidParameters(problems, catalog, model);
  }
  return { file: form.file, model, options: resolved.options };
}

function fileProblems(form: UploadForm): ParamProblem[] {
  if (!form.file) {
    return [{ name: 'file', message: 'The file is missing: send the recording as the part `file`.' }];
  }
  if (form.extraFiles > 0) {
    return [{ name: 'file', message: `There are ${String(form.extraFiles + 1)} files; one is allowed.` }];
  }
  return [];
}

function invalidParameters(
  problems: ParamProblem[],
  catalog: HttpServices['catalog'],
  model: ModelEntry | undefined,
): AppError {
  const named = (name: string) => problems.some((problem) => problem.name === name);
  return new AppError('INVALID_PARAMETERS', problems.map((problem) => problem.message).join(' '), {
    details: {
      params: problems,
      ...(named('model_type') ? { valid_model_types: catalog.list().map((entry) => entry.name) } : {}),
      ...(named('instruments') && model ? { valid_instruments: [...model.outputs] } : {}),
    },
  });
}
