import type { OpenAPIHono } from '@hono/zod-openapi';
import { z } from '@hono/zod-openapi';
import type { IncomingMessage } from 'node:http';
import { AppError, type ParamProblem } from '../../errors.ts';
import { optionProblems, resolveOptions, type SeparationOptions } from '../../models/optionRules.ts';
import type { ModelEntry } from '../../models/modelEntry.ts';
import { errorResponses, jsonBody } from '../documented.ts';
import type { HttpEnv } from '../env.ts';
import { displayFilename } from '../filename.ts';
import { readUploadForm, type UploadForm } from '../multipart.ts';
import { taskSchema } from '../schemas.ts';
import type { HttpServices } from '../services.ts';
import { logStatus } from '../../tasks/statusLog.ts';
import { readSubmissionForm } from '../submissionForm.ts';
import { API_PREFIX, taskToWire } from '../wire.ts';

const text = (description: string, example?: string) =>
  z
    .string()
    .optional()
    .openapi({ description, ...(example === undefined ? {} : { example }) });

/** The form as it is documented. It is parsed as a stream, never by this schema: that would buffer the file. */
const formSchema = z.object({
  file: z.string().openapi({
    format: 'binary',
    description:
      'The recording: WAV, FLAC, MP3, OGG (Vorbis, Opus) or M4A (AAC, ALAC), told by its content. `audio` is an alias.',
  }),
  model_type: text('A model of GET /models, or an MSST architecture. Default: the default model.', 'starter'),
  instruments: text('The stems wanted: repeated, a comma list or a JSON list. Default: all.', 'drums,bass'),
  use_tta: text('Test-time augmentation: three passes instead of one. Default: false.', 'false'),
  extract_instrumental: text(
    'Adds the stem `instrumental`: the mixture minus the vocals. Default: false.',
    'false',
  ),
  output_format: z.enum(['wav', 'flac']).optional().openapi({ description: 'Default: wav.' }),
  pcm_type: z
    .enum(['PCM_16', 'PCM_24', 'FLOAT'])
    .optional()
    .openapi({ description: 'Default: PCM_24. FLOAT is for WAV only.' }),
  bigshifts: text('Time shifts to average, 1 to 16. Default: 1.', '1'),
  num_overlap: text("Windows over each sample, 1 to 50. Default: as the model's config says.", '2'),
  batch_size: text("Chunks computed at once, 1 to 64. Default: as the model's config says.", '1'),
});

/** POST /separate: a file and its options become a task. */
export function registerSeparate(app: OpenAPIHono<HttpEnv>, services: HttpServices): void {
  app.openAPIRegistry.registerPath({
    method: 'post',
    path: `${API_PREFIX}/separate`,
    operationId: 'separate',
    summary: 'Separate a recording into its stems',
    tags: ['tasks'],
    request: { body: { required: true, content: { 'multipart/form-data': { schema: formSchema } } } },
    responses: {
      201: {
        ...jsonBody(taskSchema, 'The task, which waits for a worker now.'),
        headers: { Location: { description: 'The URL of the task.', schema: { type: 'string' } } },
      },
      ...errorResponses(400, 403, 503, 507),
    },
  });

  app.post(`${API_PREFIX}/separate`, async (c) => {
    const { tasks } = services;
    const { incoming, outgoing } = c.env;
    await admit(incoming, tasks);
    if (incoming.headers.expect !== undefined) outgoing.writeContinue();
    const form = await readUploadForm(incoming, {
      receive: (source) => tasks.receive(source),
      discard: (upload) => tasks.discard(upload.inputId),
    });
    try {
      const { file, model, options } = await check(form, services);
      const view = await tasks.submit({
        owner: c.var.owner,
        upload: file.upload,
        filename: displayFilename(file.filename),
        model,
        options,
      });
      logStatus(c.var.log, view.task.taskId, 'pending', { modelType: model.name });
      const task = taskToWire(view, services.publicUrl);
      return c.json(task, 201, { location: task.links.self });
    } catch (error) {
      if (form.file) await tasks.discard(form.file.upload.inputId);
      throw error;
    }
  });
}

/** Everything that can be refused before the body is read. */
async function admit(incoming: IncomingMessage, tasks: HttpServices['tasks']): Promise<void> {
  const length = incoming.headers['content-length'];
  try {
    await tasks.admit(length === undefined ? null : Number(length));
  } catch (error) {
    // A client that waits for 100-continue sends no body now, so the connection has no next request.
    if (error instanceof AppError && incoming.headers.expect !== undefined)
      error.hints.closeConnection = true;
    throw error;
  }
}

async function check(
  form: UploadForm,
  { catalog }: HttpServices,
): Promise<{ file: NonNullable<UploadForm['file']>; model: ModelEntry; options: SeparationOptions }> {
  const submitted = readSubmissionForm(form.fields);
  const problems: ParamProblem[] = [...fileProblems(form), ...submitted.problems];
  const model = await findModel(catalog, submitted.modelType, problems);
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

/** The model, or undefined with its problem noted; one that is broken is an error of its own. */
async function findModel(
  catalog: HttpServices['catalog'],
  modelType: string | undefined,
  problems: ParamProblem[],
): Promise<ModelEntry | undefined> {
  try {
    return await catalog.require(modelType);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'INVALID_PARAMETERS') throw error;
    problems.push(...(error.details.params ?? []));
    return undefined;
  }
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
