/** Example response bodies for the documentation: one song from submission to stems. */
import type { z } from '@hono/zod-openapi';
import type {
  HealthReport,
  metricsSchema,
  modelListSchema,
  modelSchema,
  resultsSchema,
  taskPageSchema,
  taskSchema,
} from './schemas.ts';
import { API_PREFIX } from '../request/publicPath.ts';
import { EXAMPLE } from './exampleIds.ts';

type WireTask = z.output<typeof taskSchema>;

const self = `${API_PREFIX}/tasks/${EXAMPLE.taskId}`;

const pending: WireTask = {
  task_id: EXAMPLE.taskId,
  status: 'pending',
  model_type: EXAMPLE.modelType,
  parameters: {
    instruments: ['drums', 'bass', 'other'],
    use_tta: false,
    extract_instrumental: false,
    output_format: 'wav',
    pcm_type: 'PCM_24',
    bigshifts: 1,
    num_overlap: null,
    batch_size: null,
  },
  input: {
    filename: 'song.mp3',
    bytes: 4_812_345,
    duration_seconds: 201.4,
    sample_rate: 44_100,
    channels: 2,
    codec: 'mp3',
    sha256: 'a3'.repeat(32),
  },
  progress: {
    percent: 0,
    stage: 'queued',
    eta_seconds: null,
    updated_at: '2026-11-21T12:00:00.000Z',
  },
  queue_position: 1,
  attempts: 0,
  warnings: [],
  error: null,
  created_at: '2026-11-21T12:00:00.000Z',
  started_at: null,
  completed_at: null,
  processing_seconds: null,
  links: { self, results: `${self}/results`, cancel: `${self}/cancel` },
};

const processing: WireTask = {
  ...pending,
  status: 'processing',
  progress: {
    percent: 42.5,
    stage: 'separating',
    eta_seconds: 17,
    updated_at: '2026-11-21T12:00:13.120Z',
  },
  queue_position: null,
  attempts: 1,
  started_at: '2026-11-21T12:00:00.040Z',
};

const completed: WireTask = {
  ...processing,
  status: 'completed',
  progress: {
    percent: 100,
    stage: 'completed',
    eta_seconds: null,
    updated_at: '2026-11-21T12:00:31.000Z',
  },
  completed_at: '2026-11-21T12:00:31.000Z',
  processing_seconds: 30.96,
};

/** The progress of an attempt is not kept after its end, unless it completed. */
const ended = { ...pending.progress, updated_at: '2026-11-21T12:00:14.000Z' };

const failed: WireTask = {
  ...processing,
  status: 'failed',
  progress: ended,
  error: {
    code: 'OUT_OF_MEMORY',
    message: 'The separation ran out of memory. A smaller batch_size needs less.',
  },
  completed_at: '2026-11-21T12:00:14.000Z',
  processing_seconds: 13.96,
};

const cancelled: WireTask = {
  ...processing,
  status: 'cancelled',
  progress: ended,
  completed_at: '2026-11-21T12:00:14.000Z',
};

export const taskExamples = { pending, processing, completed, failed, cancelled };

export const pageExamples = {
  the_last_page: { tasks: [processing], next_cursor: null },
  a_page_with_more_after_it: { tasks: [completed], next_cursor: EXAMPLE.cursor },
} satisfies Record<string, z.output<typeof taskPageSchema>>;

export const resultsExamples = {
  two_stems: {
    task_id: EXAMPLE.taskId,
    stems: ['drums', 'bass'].map((instrument) => ({
      instrument,
      filename: `${instrument}.wav`,
      url: `${API_PREFIX}/download/${EXAMPLE.taskId}/${instrument}.wav`,
      format: 'wav' as const,
      bytes: EXAMPLE.stemBytes,
      duration_seconds: 201.4,
      sample_rate: 44_100,
      channels: 2,
      sha256: EXAMPLE.stemSha256,
      peak: 0.84,
      clipped_samples: 0,
    })),
    expires_at: '2026-11-22T12:00:31.000Z',
  },
} satisfies Record<string, z.output<typeof resultsSchema>>;

const starter: z.output<typeof modelSchema> = {
  model_type: EXAMPLE.modelType,
  architecture: 'mdx23c',
  config_path: 'configs/config_starter.yaml',
  checkpoint_path: 'pretrain/starter.ckpt',
  instruments: ['drums', 'bass', 'other'],
  target_instrument: null,
  sample_rate: 44_100,
  stereo: true,
  default: true,
  precision: 'fp32',
  compile: false,
  description: 'A small model for first steps.',
  licence: 'MIT',
};

export const modelExamples = { the_default_model: starter };
export const modelListExamples = {
  one_model: { models: [starter] },
} satisfies Record<string, z.output<typeof modelListSchema>>;

const healthy: HealthReport = {
  status: 'healthy',
  problems: [],
  dependencies: {
    database: { status: 'ok' },
    disk: { status: 'ok', free_bytes: 250_000_000_000, minimum_bytes: 10_000_000_000 },
    gpu: { status: 'ok', devices: ['cuda:0'] },
    models: { status: 'ok', available: 1, unavailable: [] },
    workers: {
      status: 'ok',
      workers: [{ id: 'w1', device: 'cuda:0', state: 'idle', restarts: 0 }],
    },
  },
  version: '0.1.0',
  uptime_seconds: 86_400,
};

const lowOnDisk: HealthReport = {
  ...healthy,
  status: 'degraded',
  problems: ['The disk is nearly full: 4.2 GB free, at least 10.0 GB required.'],
  dependencies: {
    ...healthy.dependencies,
    disk: { status: 'degraded', free_bytes: 4_200_000_000, minimum_bytes: 10_000_000_000 },
  },
};

const withoutWorker: HealthReport = {
  ...healthy,
  status: 'unhealthy',
  problems: ['The GPU cuda:0 is not in use: its worker is down.', 'Every worker is down.'],
  dependencies: {
    ...healthy.dependencies,
    gpu: { status: 'failed', devices: ['cuda:0'] },
    workers: {
      status: 'failed',
      workers: [{ id: 'w1', device: 'cuda:0', state: 'down', restarts: 5 }],
    },
  },
};

export const healthExamples = {
  up: { healthy, low_on_disk: lowOnDisk },
  down: { without_a_worker: withoutWorker },
};

export const metricsExamples = {
  a_day: {
    active_tasks: 1,
    queued_tasks: 3,
    completed_tasks: 42,
    failed_tasks: 1,
    cancelled_tasks: 2,
    average_processing_seconds: 17.3,
    uptime_seconds: 86_400,
    workers: [{ id: 'w1', device: 'cuda:0', state: 'busy', restarts: 0 }],
  },
} satisfies Record<string, z.output<typeof metricsSchema>>;
