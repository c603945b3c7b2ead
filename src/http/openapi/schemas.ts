/** Schemas of the wire format, in snake_case, with the examples that the documentation shows. */
import { z } from '@hono/zod-openapi';
import { precisions } from '../../config/precision.ts';
import { progressStages } from '../../tasks/progress.ts';
import { taskFailureCodes } from '../../tasks/task.ts';
import { taskStatuses } from '../../tasks/taskState.ts';
import { parametersSchema } from './optionSchemas.ts';
import { problems } from '../problems/problems.ts';

const errorCodes = Object.keys(problems) as [keyof typeof problems, ...(keyof typeof problems)[]];
const time = (example: string) => z.string().openapi({ format: 'date-time', example });
const TASK_ID = '0b5c3f0e-8f0e-4a53-9d0d-4f8a1f6a2c11';

export const problemSchema = z
  .object({
    type: z.string().openapi({ example: '/problems/invalid_parameters' }),
    title: z.string().openapi({ example: 'Invalid parameters' }),
    status: z.int().openapi({ example: 400 }),
    detail: z.string().openapi({ example: 'model_type "statrer" is not known. Did you mean "starter"?' }),
    instance: z.string().openapi({ example: '/api/v1/separate' }),
    request_id: z.string().openapi({ example: '4f9b7c52-4c1c-4ac0-9d44-0b0c2f1f2b77' }),
    error: z.object({
      code: z.enum(errorCodes).openapi({ example: 'INVALID_PARAMETERS' }),
      message: z.string().openapi({ example: 'model_type "statrer" is not known. Did you mean "starter"?' }),
      details: z.object({
        params: z
          .array(
            z.object({
              name: z.string(),
              message: z.string(),
              received: z.string().optional(),
              allowed: z.string().optional(),
              did_you_mean: z.string().optional(),
            }),
          )
          .optional(),
        valid_model_types: z.array(z.string()).optional(),
        valid_instruments: z.array(z.string()).optional(),
      }),
    }),
  })
  .openapi('Problem');

const mixtureSchema = z
  .object({
    filename: z.string().openapi({ example: 'song.mp3' }),
    bytes: z.int().openapi({ example: 4_812_345 }),
    duration_seconds: z.number().openapi({ example: 201.4 }),
    sample_rate: z.int().openapi({ example: 44_100 }),
    channels: z.int().openapi({ example: 2 }),
    codec: z.string().openapi({ example: 'mp3' }),
    sha256: z.string().openapi({ example: 'a3'.repeat(32) }),
  })
  .openapi('Mixture');

const progressSchema = z
  .object({
    percent: z.number().openapi({ example: 42.5 }),
    stage: z.enum(progressStages).openapi({ example: 'separating' }),
    eta_seconds: z.number().nullable().openapi({ example: 17 }),
    updated_at: time('2026-11-21T12:00:09.120Z'),
  })
  .openapi('Progress');

const linksSchema = z
  .object({
    self: z.string().openapi({ example: `/api/v1/tasks/${TASK_ID}` }),
    results: z.string().openapi({ example: `/api/v1/tasks/${TASK_ID}/results` }),
    cancel: z.string().openapi({ example: `/api/v1/tasks/${TASK_ID}/cancel` }),
  })
  .openapi('TaskLinks');

export const taskSchema = z
  .object({
    task_id: z.string().openapi({ format: 'uuid', example: TASK_ID }),
    status: z.enum(taskStatuses).openapi({ example: 'processing' }),
    model_type: z.string().openapi({ example: 'starter' }),
    parameters: parametersSchema,
    input: mixtureSchema,
    progress: progressSchema,
    queue_position: z
      .int()
      .nullable()
      .openapi({ description: '1: next in the queue; null: not waiting.', example: null }),
    attempts: z.int().openapi({ description: 'Attempts started so far.', example: 1 }),
    warnings: z.array(z.string()),
    error: z
      .object({ code: z.enum(taskFailureCodes), message: z.string() })
      .nullable()
      .openapi({ example: null }),
    created_at: time('2026-11-21T12:00:00.000Z'),
    started_at: time('2026-11-21T12:00:00.040Z').nullable(),
    completed_at: time('2026-11-21T12:00:31.000Z').nullable().openapi({ example: null }),
    processing_seconds: z.number().nullable().openapi({ example: null }),
    links: linksSchema,
  })
  .openapi('Task');

export const taskPageSchema = z
  .object({
    tasks: z.array(taskSchema),
    next_cursor: z.string().nullable().openapi({ example: null }),
  })
  .openapi('TaskPage');

const stemSchema = z
  .object({
    instrument: z.string().openapi({ example: 'drums' }),
    filename: z.string().openapi({ example: 'drums.wav' }),
    url: z.string().openapi({ example: `/api/v1/download/${TASK_ID}/drums.wav` }),
    format: z.enum(['wav', 'flac']),
    bytes: z.int().openapi({ example: 53_287_124 }),
    duration_seconds: z.number().openapi({ example: 201.4 }),
    sample_rate: z.int().openapi({ example: 44_100 }),
    channels: z.int().openapi({ example: 2 }),
    sha256: z.string().openapi({ example: '5e'.repeat(32) }),
    peak: z.number().openapi({
      description: 'The largest absolute sample value before encoding; 1.0 is full scale.',
      example: 0.84,
    }),
    clipped_samples: z
      .int()
      .openapi({ description: 'Number of samples clipped by the conversion to PCM.', example: 0 }),
  })
  .openapi('Stem');

export const resultsSchema = z
  .object({
    task_id: z.string().openapi({ format: 'uuid', example: TASK_ID }),
    stems: z.array(stemSchema),
    expires_at: time('2026-11-22T12:00:31.000Z').openapi({
      description: 'The files are kept until this time and removed within an hour after it.',
    }),
  })
  .openapi('Results');

export const modelSchema = z
  .object({
    model_type: z.string().openapi({ example: 'starter' }),
    architecture: z.string().openapi({ example: 'mdx23c' }),
    config_path: z.string().openapi({ example: 'configs/config_starter.yaml' }),
    checkpoint_path: z.string().openapi({ example: 'pretrain/starter.ckpt' }),
    instruments: z.array(z.string()).openapi({ example: ['drums', 'bass', 'other'] }),
    target_instrument: z.string().nullable().openapi({ example: null }),
    sample_rate: z.int().openapi({ example: 44_100 }),
    stereo: z.boolean(),
    default: z.boolean(),
    precision: z.enum(precisions).openapi({
      description:
        'Numeric precision of the network, as configured on the server. fp32: as in MSST; the others are faster and change the stems slightly.',
      example: 'fp32',
    }),
    compile: z.boolean().openapi({
      description: 'Whether the network is compiled with torch.compile, which changes the stems by rounding.',
      example: false,
    }),
    description: z.string().nullable(),
    licence: z.string().nullable(),
  })
  .openapi('Model');

export const modelListSchema = z.object({ models: z.array(modelSchema) }).openapi('ModelList');

const dependencyStatus = z.enum(['ok', 'degraded', 'failed']);

const workerSchema = z
  .object({
    id: z.string(),
    device: z.string(),
    state: z.enum(['starting', 'idle', 'busy', 'down']),
    restarts: z.int(),
  })
  .openapi('Worker');

export const metricsSchema = z
  .object({
    active_tasks: z.int().openapi({ description: 'Tasks being processed.', example: 1 }),
    queued_tasks: z.int().openapi({ description: 'Tasks waiting for a worker.', example: 3 }),
    completed_tasks: z
      .int()
      .openapi({ description: 'All-time total, like `failed_tasks` and `cancelled_tasks`.', example: 42 }),
    failed_tasks: z.int().openapi({ example: 1 }),
    cancelled_tasks: z.int().openapi({ example: 2 }),
    average_processing_seconds: z
      .number()
      .nullable()
      .openapi({ description: 'Average over all completed tasks; null if there are none.', example: 17.3 }),
    uptime_seconds: z.int().openapi({ description: 'Since the server started.', example: 86_400 }),
    workers: z.array(workerSchema).openapi({
      example: [{ id: 'w1', device: 'cuda:0', state: 'busy', restarts: 0 }],
    }),
  })
  .openapi('Metrics');

export const healthSchema = z
  .object({
    status: z.enum(['healthy', 'degraded', 'unhealthy']),
    problems: z.array(z.string()).openapi({ description: 'Descriptions of all current problems.' }),
    dependencies: z.object({
      database: z.object({ status: dependencyStatus }),
      disk: z.object({ status: dependencyStatus, free_bytes: z.int(), minimum_bytes: z.int() }),
      gpu: z.object({
        status: dependencyStatus,
        devices: z.array(z.string()).openapi({ description: 'Empty: separation runs on the CPU.' }),
      }),
      models: z.object({
        status: dependencyStatus,
        available: z.int(),
        unavailable: z.array(z.object({ model_type: z.string(), reason: z.string() })),
      }),
      workers: z.object({
        status: dependencyStatus,
        workers: z.array(workerSchema),
      }),
    }),
    version: z.string(),
    uptime_seconds: z.number(),
  })
  .openapi('Health');

export type HealthReport = z.output<typeof healthSchema>;
