/**
 * The protocol between Node and its Python children: JSON-RPC 2.0 in Content-Length frames over stdio.
 *
 * `python_worker/protocol.py` mirrors this file. `test/fixtures/protocol/*.json` holds one example of every
 * message; both test suites read them, so the two sides cannot drift apart unnoticed.
 */
import { z } from 'zod';
import { OPTIONS, optionNames, type Option, type WireOptions } from './options.ts';
import { precisions } from '../config/precision.ts';

/** Incremented when a message changes its meaning. A child that reports another version is refused. */
export const PROTOCOL_VERSION = 1;

/** The JSON-RPC error code of a request that a child refused; `data` holds the failure kind. */
export const REQUEST_FAILED = -32001;

/** The exit code of a worker whose GPU stopped working; a new process may succeed. */
export const BROKEN_DEVICE_EXIT_CODE = 70;

/** Maximum frame size in either direction (bytes). Audio is passed by path. */
export const MAX_FRAME_BYTES = 8 * 1024 * 1024;

const attemptKey = { task_id: z.string(), attempt: z.int().positive() };

const stageSchema = z.enum(['loading_model', 'decoding', 'separating', 'encoding']);

export const initializeParamsSchema = z.discriminatedUnion('role', [
  z.object({ role: z.literal('media'), protocol_version: z.int() }),
  z.object({
    role: z.literal('worker'),
    protocol_version: z.int(),
    /** `cpu`, `mps`, or `cuda:0`: CUDA_VISIBLE_DEVICES already restricts the process to one GPU. */
    device: z.string(),
    /** The folder whose `inference.py` exports `proc_folder`. */
    msst_root: z.string(),
    /** Whether other workers use the same GPU: its memory is then released after each task, and measured. */
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
  /** Which of the known call signatures this MSST has, and its version. */
  msst: z.object({ call_shape: z.enum(['package', 'bigshifts', 'demix']), version: z.string().nullable() }),
  device: z.object({
    kind: z.enum(['cpu', 'cuda', 'mps']),
    name: z.string(),
    uuid: z.string().nullable(),
    total_memory_bytes: z.int().nonnegative(),
  }),
});
export type WorkerReady = z.infer<typeof workerReadySchema>;

/** A model; its files are given by absolute paths. */
const modelParamsSchema = z.object({
  name: z.string(),
  architecture: z.string(),
  config_path: z.string(),
  checkpoint_path: z.string(),
  trust_pickle: z.boolean(),
  lora_checkpoint_peft: z.string().nullable(),
  lora_checkpoint_loralib: z.string().nullable(),
  /** The precision the network computes in; `fp32` is MSST's default. */
  precision: z.enum(precisions),
  /** Whether to use torch.compile, if it works on this machine. */
  compile: z.boolean(),
  /** Command-line arguments for options specific to a fork's `inference.py`. */
  msst_arguments: z.array(z.string()),
});
export type ModelParams = z.infer<typeof modelParamsSchema>;

const separateOptionsSchema = z.object(
  Object.fromEntries(optionNames.map((name) => [name, schemaOf(OPTIONS[name])])) as {
    [Name in keyof WireOptions]: z.ZodType<WireOptions[Name]>;
  },
);

function schemaOf(option: Option): z.ZodType {
  switch (option.kind) {
    case 'names':
      return z.array(z.string()).min(1);
    case 'flag':
      return z.boolean();
    case 'choice':
      return z.enum(option.values);
    case 'whole':
      return option.fallback === null ? z.int().positive().nullable() : z.int().positive();
  }
}

export const separateParamsSchema = z.object({
  ...attemptKey,
  /** A file that MSST itself can decode; its extension names the container. */
  mixture_path: z.string(),
  /** The attempt's own folder, existing and empty. Only finished stems are written into it. */
  output_dir: z.string(),
  /** Existing and empty; the caller always removes it. */
  scratch_dir: z.string(),
  /** As counted by the probe, or as staged. MSST's decoding must yield the same length. */
  duration_seconds: z.number().positive(),
  /** For a mixture too long to process as a whole: maximum length of its pieces (seconds). Null: as a whole. */
  piece_seconds: z.number().positive().nullable(),
  /** Whether it may be processed as a whole anyway if pieces would not give the same stems. */
  whole_fits: z.boolean(),
  model: modelParamsSchema,
  /** The options, resolved: `instruments` in the model's spelling, without an `instrumental` made by subtraction. */
  options: separateOptionsSchema,
});
export type SeparateParams = z.infer<typeof separateParamsSchema>;

/** Sent to a busy worker: the mixture it will most likely get next, and the sample rate of its model (Hz). */
export const prepareSchema = z.object({
  mixture_path: z.string(),
  sample_rate: z.int().positive(),
  /** As counted by the probe; a longer mixture is not decoded. */
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
  /** Samples beyond full scale that PCM had to clip; 0 for FLOAT. */
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
  /** How many model loads this worker has done since it started. */
  model_loads: z.int().nonnegative(),
  /** Seconds spent in the network's forward calls in this attempt. */
  forward_seconds: z.number().nonnegative(),
  /** How often this attempt ran out of memory before the try that produced these stems. */
  memory_retries: z.int().nonnegative(),
  /** Memory used on a shared GPU; null when the device is not shared or not a GPU. */
  device_peak: z
    .object({
      /** Peak memory of the process, excluding other loaded models. */
      bytes: z.int().nonnegative(),
      /** Whether a full batch was computed, so that a longer mixture needs no more memory. */
      any_length: z.boolean(),
    })
    .nullable(),
});
export type SeparateResult = z.infer<typeof separateResultSchema>;

/** Loads a model ahead of the tasks that will use it; does nothing if it is already loaded. */
export const loadParamsSchema = z.object({ model: modelParamsSchema });
export type LoadParams = z.infer<typeof loadParamsSchema>;

export const loadResultSchema = z.object({
  seconds: z.number().nonnegative(),
  /** How many model loads this worker has done since it started. */
  model_loads: z.int().nonnegative(),
  /** The loaded models, most recently used last. */
  resident: z.array(z.string()),
});
export type LoadResult = z.infer<typeof loadResultSchema>;

/** Unloads all models. */
export const unloadParamsSchema = z.strictObject({});

export const unloadResultSchema = z.object({
  unloaded: z.array(z.string()),
  /** Memory that their weights took. */
  freed_bytes: z.int().nonnegative(),
});
export type UnloadResult = z.infer<typeof unloadResultSchema>;

export const probeParamsSchema = z.object({ path: z.string() });

export const probeResultSchema = z.object({
  container: z.enum(['wav', 'flac', 'mp3', 'ogg', 'mp4']),
  codec: z.string(),
  sample_rate: z.int().positive(),
  channels: z.int().positive(),
  /** Counted packet by packet, never read from a header. */
  duration_seconds: z.number().positive(),
  /** Why MSST's decoder cannot read the whole file, so that it must first be staged as float WAV; null: it can. */
  staging_reason: z.string().nullable(),
});
export type ProbeResult = z.infer<typeof probeResultSchema>;

export const stageParamsSchema = z.object({
  ...attemptKey,
  path: z.string(),
  container: probeResultSchema.shape.container,
  /** As counted and accepted; a file that turns out much longer is refused. */
  duration_seconds: z.number().positive(),
  /** Written atomically: a stereo float WAV (RF64 above 4 GiB). */
  output_path: z.string(),
});
export type StageParams = z.infer<typeof stageParamsSchema>;

export const stageResultSchema = z.object({
  duration_seconds: z.number().positive(),
  warnings: z.array(z.string()),
});
export type StageResult = z.infer<typeof stageResultSchema>;

/** Why a child refused a request. All kinds but INTERNAL and CANCELLED are caused by the task or its limits. */
export const failureKindSchema = z.enum([
  'UNSUPPORTED_FORMAT',
  'INVALID_AUDIO',
  /** `separate` only: MSST's decoder cannot read the whole file; FFmpeg may. */
  'NEEDS_STAGING',
  'MODEL_UNAVAILABLE',
  'OUT_OF_MEMORY',
  'INSUFFICIENT_STORAGE',
  'SEPARATION_FAILED',
  'CANCELLED',
  'INTERNAL',
]);
export type FailureKind = z.infer<typeof failureKindSchema>;

/** `data` of a JSON-RPC error. The error's `message` may be shown to clients: no path, no traceback. */
export const failureDataSchema = z.object({
  kind: failureKindSchema,
  /** For the log only. */
  traceback: z.string().nullable(),
});

export const progressSchema = z.object({
  ...attemptKey,
  stage: stageSchema,
  /** Forward calls started and expected in total (all TTA and bigshifts passes); 0 of 0 outside `separating`. */
  done: z.int().nonnegative(),
  total: z.int().nonnegative(),
});
export type ProgressMessage = z.infer<typeof progressSchema>;

export const heartbeatSchema = z.object({
  task_id: z.string().nullable(),
  attempt: z.int().positive().nullable(),
  /** CPU seconds used by this process so far (user and system). */
  cpu_seconds: z.number().nonnegative(),
  rss_bytes: z.int().nonnegative(),
});
export type HeartbeatMessage = z.infer<typeof heartbeatSchema>;

/** What a worker holds while idle; sent whenever it may have changed, before the response to the request. */
export const holdingSchema = z.object({
  /** The loaded models, most recently used last. */
  models: z.array(z.string()),
  /** GPU memory held by the process; null on the CPU and on Apple's GPU. */
  device_bytes: z.int().nonnegative().nullable(),
  /** The part of it currently in use; null in the same cases. */
  device_used_bytes: z.int().nonnegative().nullable(),
});
export type HoldingMessage = z.infer<typeof holdingSchema>;

export const logSchema = z.object({
  task_id: z.string().nullable(),
  attempt: z.int().positive().nullable(),
  level: z.enum(['debug', 'info', 'warn', 'error']),
  message: z.string(),
});
