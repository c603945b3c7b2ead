/** All settings: key, allowed values and default. */
import { z } from 'zod';
import { logLevels } from '../log/log.ts';
import { apiKeysSchema } from './apiKeys.ts';
import { MSST_ARGUMENTS_ALLOWED, msstArgumentsSchema } from './msstArguments.ts';
import { precisions } from './precision.ts';

const SIZE_UNITS: Record<string, number> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};
const DURATION_UNITS: Record<string, number> = { '': 1, s: 1, m: 60, min: 60, h: 3600, d: 86_400 };

/** Wraps a schema so that its only message says what is allowed: every problem reads `key: …, allowed: …`. */
const allowed = <T extends z.ZodType>(schema: T, words: string) =>
  z.unknown().transform((value, context): z.output<T> => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    context.addIssue({ code: 'custom', message: words });
    return z.NEVER;
  });

const withUnit = (units: Record<string, number>) =>
  z.union([z.number(), z.string()]).transform((value, context) => {
    const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(String(value).trim()) ?? [];
    const factor = Object.entries(units).find(([name]) => name === unit.toLowerCase())?.[1];
    if (amount !== undefined && factor !== undefined) return Number(amount) * factor;
    context.addIssue({ code: 'custom', message: 'not a number with a unit' });
    return z.NEVER;
  });

const size = allowed(
  withUnit(SIZE_UNITS).pipe(z.number().positive()),
  'a size such as 500MB (10⁶ bytes) or 512MiB (2²⁰ bytes)',
);
const duration = (words: string, least = 0) =>
  allowed(withUnit(DURATION_UNITS).pipe(z.number().min(least)), words);
const whole = (least: number, most: number) =>
  allowed(z.int().min(least).max(most), `a whole number from ${String(least)} to ${String(most)}`);
const text = allowed(z.string().min(1), 'a non-empty string');
const hours = allowed(
  z.number().positive().max(1_000_000),
  'a number of hours above 0, up to 1000000, such as 24 or 0.5',
);
const filePath = allowed(z.string().min(1), 'a path');
const flag = allowed(z.boolean(), 'true or false');

/**
 * A pip requirement: name, extras in brackets, versions. Excludes the URLs, paths and options that pip also takes.
 */
const REQUIREMENT =
  /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?(?:\[[A-Za-z0-9._,-]{1,100}\])?(?:(?:===?|[<>~!]=|[<>])[A-Za-z0-9.*+!_-]{1,50}(?:,(?=[<>~!=])|$))*$/;

const DEVICE = /^(?:cpu|mps|cuda:\d{1,3}|(?:GPU|MIG)-[A-Za-z0-9/-]{1,100})$/;

const modelName = allowed(
  z.string().regex(/^[A-Za-z0-9._-]{1,100}$/),
  'a name of letters, digits, dot, dash and underscore',
);

/** One entry of `models`. */
export const listedModelSchema = z.strictObject(
  {
    name: modelName,
    architecture: text.optional(),
    config_path: filePath,
    checkpoint_path: filePath,
    description: text.optional(),
    licence: text.optional(),
    trust_pickle: z.union([flag, text]).optional(),
    lora_checkpoint_peft: filePath.optional(),
    lora_checkpoint_loralib: filePath.optional(),
    batch_size: whole(1, 64).optional(),
    num_overlap: whole(1, 50).optional(),
    precision: allowed(z.enum(precisions), `one of ${precisions.join(', ')}`).optional(),
    compile: flag.optional(),
    msst_arguments: allowed(msstArgumentsSchema, MSST_ARGUMENTS_ALLOWED).optional(),
  },
  {
    error: (issue) =>
      issue.code === 'invalid_type' ? 'an entry with name, config_path and checkpoint_path' : undefined,
  },
);

/** The whole configuration as written by the user: snake_case, with units. */
export const settingsSchema = z.strictObject({
  host: text.default('127.0.0.1'),
  port: whole(0, 65_535).default(8000),
  public_url: allowed(
    z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/(?<!\/)\/+$/, '')),
    'an http or https URL',
  ).optional(),
  cors_origins: allowed(
    z.array(z.url({ protocol: /^https?$/ }).transform((url) => new URL(url).origin)),
    'a list of origins such as https://example.org',
  ).default([]),
  enable_auth: flag.default(false),
  api_keys: apiKeysSchema.default([]),
  enable_rate_limit: flag.default(false),
  requests_per_hour: whole(1, 1_000_000).default(1000),
  trust_proxy: flag.default(false),
  data_dir: filePath.default('./data'),
  max_file_size: size.default(500e6),
  max_audio_duration: z
    .union([z.literal('memory'), duration('`memory`, or a duration such as 90s, 10m or 4h', 1)])
    .default('memory'),
  max_queue_size: whole(1, 1_000_000).default(1000),
  worker_threads: z.union([z.literal('auto'), whole(1, 64)]).default('auto'),
  devices: z
    .union([
      z.literal('auto'),
      allowed(
        z.array(z.string().regex(DEVICE)).min(1),
        '`auto`, or a list of devices: cpu, mps, cuda:0, or GPU UUIDs such as GPU-5b2c…',
      ),
    ])
    .default('auto'),
  task_max_attempts: whole(1, 20).default(3),
  cleanup_retention_hours: hours.default(24),
  failed_retention_hours: hours.default(24),
  metadata_retention_hours: hours.default(168),
  default_model_type: text.optional(),
  preload_models: allowed(z.array(z.string().min(1)), 'a list of model names').default([]),
  model_idle_unload_seconds: duration('a duration such as 300, 30s or 10m, or 0 for never').default(0),
  log_level: allowed(z.enum(logLevels), `one of ${logLevels.join(', ')}`).default('info'),
  log_file: filePath.optional(),
  log_max_size: size.default(10e6),
  log_max_files: whole(1, 1000).default(5),
  shutdown_timeout_seconds: duration('a duration such as 30s').default(30),
  min_free_disk: size.default(10e9),
  reserve_disk: size.default(1e9),
  msst_root: filePath.optional(),
  python: z.union([z.literal('auto'), filePath]).default('auto'),
  engine_extras: allowed(
    z.array(z.string().regex(REQUIREMENT)).max(50),
    'a list of Python packages such as demucs or hyper-connections>=0.4, without URLs or paths',
  ).default([]),
  extra_model_dirs: allowed(z.array(z.string().min(1)), 'a list of folders').default([]),
  models: z
    .array(listedModelSchema, 'a list of entries, each with name, config_path and checkpoint_path')
    .optional(),
});

export type SettingKey = keyof typeof settingsSchema.shape;
export const settingKeys = Object.keys(settingsSchema.shape) as SettingKey[];

/** Whether there is a setting of this name. */
export const isSettingKey = (key: string): key is SettingKey => Object.hasOwn(settingsSchema.shape, key);
