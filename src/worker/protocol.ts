/**
 * The wire between Node and its Python children: JSON-RPC 2.0 in Content-Length frames on stdio.
 *
 * `python_worker/protocol.py` mirrors this file; `test/fixtures/protocol/*.json` holds one example of every
 * message, and both test suites read them, so the two sides cannot drift apart unseen.
 */
import { z } from 'zod';
import { precisions } from '../config/precision.ts';

/** Raised when a message changes its meaning; a child that answers another number is refused. */
export const PROTOCOL_VERSION = 1;

/** The application error code of a request that a child refused; `data` says which kind it was. */
export const REQUEST_FAILED = -32001;

/** The exit code of a worker whose GPU does nothing more for it: the next process may have more luck. */
export const BROKEN_DEVICE_EXIT_CODE = 70;

/** No frame may be longer than this, in either direction (bytes): audio travels by path. */
export const MAX_FRAME_BYTES = 8 * 1024 * 1024;

const attemptKey = { task_id: z.string(), attempt: z.int().positive() };

const stageSchema = z.enum(['loading_model', 'decoding', 'separating', 'encoding']);

export const initializeParamsSchema = z.discriminatedUnion('role', [
  z.object({ role: z.literal('media'), protocol_version: z.int() }),
  z.object({
    role: z.literal('worker'),
    protocol_version: z.int(),
    /** `cpu`, `mps`, or `cuda:0`: CUDA_VISIBLE_DEVICES already leaves one GPU only. */
    device: z.string(),
    /** The folder whose `inference.py` hands out `proc_folder`. */
    msst_root: z.string(),
    /** Other workers use the same GPU: what a task needed of it is given back, and measured. */
    shares_device: z.boolean(),
  }),
]);
export type InitializeParams = z.infer<typeof initializeParamsSchema>;

export const mediaReadySchema = z.object({ protocol_version: z.int() });

export const workerReadySchema = z.object({
  protocol_version: z.int(),
  pid: z.int(),
  python_version: z.string(),
  torch_version: z.string(),
  /** Which of the known call shapes this MSST has. */
  msst: z.object({ call_shape: z.enum(['package', 'bigshifts', 'demix']), version: z.string().nullable() }),
  device: z.object({
    kind: z.enum(['cpu', 'cuda', 'mps']),
    name: z.string(),
    uuid: z.string().nullable(),
    total_memory_bytes: z.int().nonnegative(),
  }),
});
export type WorkerReady = z.infer<typeof workerReadySchema>;

/** A model and its files, by absolute paths. */
const modelParamsSchema = z.object({
  name: z.string(),
  architecture: z.string(),
  config_path: z.string(),
  checkpoint_path: z.string(),
  trust_pickle: z.boolean(),
  lora_checkpoint_peft: z.string().nullable(),
  lora_checkpoint_loralib: z.string().nullable(),
  /** What the network computes in; `fp32`: as MSST by itself. */
  precision: z.enum(precisions),
  /** Through torch.compile, where that works on this machine. */
  compile: z.boolean(),
  /** Words of a command line, for options that a fork's `inference.py` has of its own. */
  msst_arguments: z.array(z.string()),
});
export type ModelParams = z.infer<typeof modelParamsSchema>;

export const separateParamsSchema = z.object({
  ...attemptKey,
  /** A file that MSST itself can decode; its extension says the container. */
  mixture_path: z.string(),
  /** The attempt's own folder, there and empty: finished stems, and nothing else, are written into it. */
  output_dir: z.string(),
  /** There and empty; the caller removes it whatever happens. */
  scratch_dir: z.string(),
  /** As counted, or as staged. MSST's own decoding must come to the same length. */
  duration_seconds: z.number().positive(),
  /** Too long to be held as a whole: it goes through MSST in pieces of at most so many seconds. Null: as a whole. */
  piece_seconds: z.number().positive().nullable(),
  /** Whether it may be held as a whole all the same, where pieces would not give the same stems. */
  whole_fits: z.boolean(),
  model: modelParamsSchema,
  options: z.object({
    /** The stems wanted, in the model's own spelling, without `instrumental` made by subtraction. */
    instruments: z.array(z.string()).min(1),
    use_tta: z.boolean(),
    extract_instrumental: z.boolean(),
    output_format: z.enum(['wav', 'flac']),
    pcm_type: z.enum(['PCM_16', 'PCM_24', 'FLOAT']),
    bigshifts: z.int().positive(),
    /** Null: as the model's YAML says. */
    num_overlap: z.int().positive().nullable(),
    batch_size: z.int().positive().nullable(),
  }),
});
export type SeparateParams = z.infer<typeof separateParamsSchema>;

/** To a worker that computes: the mixture which it will most likely be given next, and the rate of its model (Hz). */
export const prepareSchema = z.object({
  mixture_path: z.string(),
  sample_rate: z.int().positive(),
  /** As counted: a mixture that is longer is not decoded. */
  duration_seconds: z.number().positive(),
});
export type PrepareMessage = z.infer<typeof prepareSchema>;

export const writtenStemSchema = z.object({
  instrument: z.string(),
  /** Base name inside `output_dir`. */
  filename: z.string(),
  format: z.enum(['wav', 'flac']),
  bytes: z.int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  duration_seconds: z.number().nonnegative(),
  sample_rate: z.int().positive(),
  channels: z.int().positive(),
  /** Largest absolute sample before encoding; 1.0 is full scale. */
  peak: z.number().nonnegative(),
  /** Samples beyond full scale, which PCM had to clip; 0 for FLOAT. */
  clipped_samples: z.int().nonnegative(),
});
export type WrittenStem = z.infer<typeof writtenStemSchema>;

export const separateResultSchema = z.object({
  ...attemptKey,
  stems: z.array(writtenStemSchema).min(1),
  warnings: z.array(z.string()),
  stage_seconds: z.object({
    loading_model: z.number(),
    decoding: z.number(),
    separating: z.number(),
    encoding: z.number(),
  }),
  /** How many times this worker has loaded any model since it started. */
  model_loads: z.int().nonnegative(),
  /** Seconds spent inside the network's forward calls of this attempt. */
  forward_seconds: z.number().nonnegative(),
  /** How often memory ran out in it, before the try that made these stems. */
  memory_retries: z.int().nonnegative(),
  /** What it took of a GPU that others share; null: it is not shared, or is none. */
  device_peak: z
    .object({
      /** The most that the process held, without what it holds for other models. */
      bytes: z.int().nonnegative(),
      /** A whole batch was computed: a longer mixture takes no more. */
      any_length: z.boolean(),
    })
    .nullable(),
});
export type SeparateResult = z.infer<typeof separateResultSchema>;

/** Loads a model ahead of the tasks that will want it; nothing happens when it is warm. */
export const loadParamsSchema = z.object({ model: modelParamsSchema });
export type LoadParams = z.infer<typeof loadParamsSchema>;

export const loadResultSchema = z.object({
  seconds: z.number().nonnegative(),
  /** How many times this worker has loaded any model since it started. */
  model_loads: z.int().nonnegative(),
  /** What is loaded now, the one used last at the end. */
  resident: z.array(z.string()),
});
export type LoadResult = z.infer<typeof loadResultSchema>;

/** Frees every loaded model. */
export const unloadParamsSchema = z.strictObject({});

export const unloadResultSchema = z.object({
  unloaded: z.array(z.string()),
  /** What their weights took. */
  freed_bytes: z.int().nonnegative(),
});
export type UnloadResult = z.infer<typeof unloadResultSchema>;

export const probeParamsSchema = z.object({ path: z.string() });

export const probeResultSchema = z.object({
  container: z.enum(['wav', 'flac', 'mp3', 'ogg', 'mp4']),
  codec: z.string(),
  sample_rate: z.int().positive(),
  channels: z.int().positive(),
  /** Counted packet by packet, never taken from a header. */
  duration_seconds: z.number().positive(),
  /** Why MSST's decoder cannot read the whole of it, so that it is staged as float WAV first; null: it can. */
  staging_reason: z.string().nullable(),
});
export type ProbeResult = z.infer<typeof probeResultSchema>;

export const stageParamsSchema = z.object({
  ...attemptKey,
  path: z.string(),
  container: probeResultSchema.shape.container,
  /** As counted, and as accepted: what goes far beyond it is refused. */
  duration_seconds: z.number().positive(),
  /** Written whole or not at all: a float WAV (RF64 above 4 GiB), in stereo. */
  output_path: z.string(),
});
export type StageParams = z.infer<typeof stageParamsSchema>;

export const stageResultSchema = z.object({
  duration_seconds: z.number().positive(),
  warnings: z.array(z.string()),
});
export type StageResult = z.infer<typeof stageResultSchema>;

/** Why a child refused a request. Everything but INTERNAL and CANCELLED is the task's own fault or limit. */
export const failureKindSchema = z.enum([
  'UNSUPPORTED_FORMAT',
  'INVALID_AUDIO',
  /** Of `separate`: MSST's decoder does not read this file whole. FFmpeg may. */
  'NEEDS_STAGING',
  'MODEL_UNAVAILABLE',
  'OUT_OF_MEMORY',
  'INSUFFICIENT_STORAGE',
  'SEPARATION_FAILED',
  'CANCELLED',
  'INTERNAL',
]);
export type FailureKind = z.infer<typeof failureKindSchema>;

/** `data` of a JSON-RPC error; the error's `message` is a sentence fit for a client: no path, no traceback. */
export const failureDataSchema = z.object({
  kind: failureKindSchema,
  /** For the log only: the traceback. */
  traceback: z.string().nullable(),
});

export const progressSchema = z.object({
  ...attemptKey,
  stage: stageSchema,
  /** Forward calls begun so far and expected in all (every pass of TTA and bigshifts); 0 of 0 outside `separating`. */
  done: z.int().nonnegative(),
  total: z.int().nonnegative(),
});
export type ProgressMessage = z.infer<typeof progressSchema>;

export const heartbeatSchema = z.object({
  task_id: z.string().nullable(),
  attempt: z.int().positive().nullable(),
  /** CPU seconds this process has used so far (user and system). */
  cpu_seconds: z.number().nonnegative(),
  rss_bytes: z.int().nonnegative(),
});
export type HeartbeatMessage = z.infer<typeof heartbeatSchema>;

/** What a worker holds while it rests; sent whenever that may have changed, before the answer to the request. */
export const holdingSchema = z.object({
  /** What is loaded, the one used last at the end. */
  models: z.array(z.string()),
  /** What the process takes of its GPU; null on a CPU and on Apple's GPU. */
  device_bytes: z.int().nonnegative().nullable(),
  /** What of that is in use now; null likewise. */
  device_used_bytes: z.int().nonnegative().nullable(),
});
export type HoldingMessage = z.infer<typeof holdingSchema>;

export const logSchema = z.object({
  task_id: z.string().nullable(),
  attempt: z.int().positive().nullable(),
  level: z.enum(['debug', 'info', 'warn', 'error']),
  message: z.string(),
});
