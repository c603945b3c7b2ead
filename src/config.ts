/** The one reader of the command line, the environment and the configuration file. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { closest } from './didYouMean.ts';
import { logLevels } from './log.ts';

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

/** A schema whose only message says what is allowed, so that every problem reads `key: …, allowed: …`. */
const allowed = <T extends z.ZodType>(schema: T, words: string) =>
  z.unknown().transform((value, context): z.output<T> => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    context.addIssue({ code: 'custom', message: words });
    return z.NEVER;
  });

const withUnit = (units: Record<string, number>) =>
  z.union([z.number(), z.string()]).transform((value, context) => {
    const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(String(value));
    const factor = match && units[(match[2] ?? '').toLowerCase()];
    if (factor) return Number(match[1]) * factor;
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
const text = allowed(z.string().min(1), 'a text that is not empty');
const filePath = allowed(z.string().min(1), 'a path');
const flag = allowed(z.boolean(), 'true or false');

const modelName = allowed(
  z.string().regex(/^[A-Za-z0-9._-]{1,100}$/),
  'a name of letters, digits, dot, dash and underscore',
);

const listedModelSchema = z.strictObject({
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
});

const settingsSchema = z.strictObject({
  host: text.default('127.0.0.1'),
  port: whole(0, 65_535).default(8000),
  public_url: allowed(
    z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/+$/, '')),
    'an http or https URL',
  ).optional(),
  cors_origins: allowed(
    z.array(z.url({ protocol: /^https?$/ }).transform((url) => new URL(url).origin)),
    'a list of origins such as https://example.org',
  ).default([]),
  data_dir: filePath.default('./data'),
  max_file_size: size.default(500e6),
  max_audio_duration: z
    .union([z.literal('memory'), duration('`memory`, or a duration such as 90s, 10m or 4h', 1)])
    .default('memory'),
  max_queue_size: whole(1, 1_000_000).default(1000),
  worker_threads: z.union([z.literal('auto'), whole(1, 64)]).default('auto'),
  devices: z
    .union([z.literal('auto'), allowed(z.array(z.string().min(1)).min(1), '`auto`, or a list of devices')])
    .default('auto'),
  task_max_attempts: whole(1, 20).default(3),
  default_model_type: text.optional(),
  log_level: allowed(z.enum(logLevels), `one of ${logLevels.join(', ')}`).default('info'),
  shutdown_timeout_seconds: duration('a duration such as 30s').default(30),
  min_free_disk: size.default(10e9),
  msst_root: filePath.optional(),
  python: z.union([z.literal('auto'), filePath]).default('auto'),
  models: z.array(listedModelSchema).optional(),
});

type SettingKey = keyof typeof settingsSchema.shape;
const settingKeys = Object.keys(settingsSchema.shape) as SettingKey[];

/** A model that the configuration names itself; paths are absolute. */
export interface ListedModel {
  name: string;
  architecture: string | null;
  configPath: string;
  checkpointPath: string;
  description: string | null;
  licence: string | null;
  /** True, or the sha256 of the one checkpoint that may be unpickled without restraint. */
  trustPickle: boolean | string;
  loraCheckpointPeft: string | null;
  loraCheckpointLoralib: string | null;
  batchSize: number | null;
  numOverlap: number | null;
}

/** Everything the server was told, once, at its start. Sizes in bytes, durations in seconds, paths absolute. */
export interface Config {
  host: string;
  port: number;
  publicUrl: string | null;
  corsOrigins: readonly string[];
  dataDir: string;
  maxFileSizeBytes: number;
  maxAudioSeconds: number | 'memory';
  maxQueueSize: number;
  workerThreads: number | 'auto';
  devices: readonly string[] | 'auto';
  taskMaxAttempts: number;
  defaultModelType: string | null;
  logLevel: (typeof logLevels)[number];
  shutdownTimeoutSeconds: number;
  minFreeDiskBytes: number;
  /** The folder whose `inference.py` hands out `proc_folder`; the project itself unless configured. */
  msstRoot: string;
  /** The interpreter that the configuration names; null: the set-up chooses. */
  python: string | null;
  listedModels: readonly ListedModel[];
  projectRoot: string;
  /** The interpreters that the set-up settled on. */
  enginePython: string;
  mediaPython: string;
  /** The environment for child processes: the server's own, without its settings, which may be secret. */
  childEnv: Readonly<Record<string, string>>;
}

/** What `loadConfig` gives: the configuration, and what a person should know about where it came from. */
export interface LoadedConfig {
  config: Config;
  warnings: string[];
}

/** The configuration cannot be used; `problems` holds every reason, one sentence each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** Where a configuration can come from. */
export interface ConfigSources {
  /** The arguments after the program's name. */
  argv: readonly string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
  projectRoot: string;
}

/**
 * Reads the command line, the environment and the file, in this order of precedence, over the defaults.
 *
 * @throws {ConfigError} naming every problem at once.
 */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const problems: string[] = [];
  const warnings: string[] = [];
  const commandLine = readCommandLine(sources.argv, problems);
  const file = readConfigFile(commandLine.config, sources.cwd, problems, warnings);
  const environment = readEnvironment(sources.env, problems);
  const fileDir = file.path === null ? sources.cwd : path.dirname(file.path);

  const given = {
    ...absolutePaths(file.values, fileDir),
    ...absolutePaths(environment, sources.cwd),
    ...absolutePaths(commandLine.settings, sources.cwd),
  };
  const parsed = settingsSchema.safeParse(given);
  if (!parsed.success) problems.push(...describeIssues(parsed.error.issues, given));
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  return { config: toConfig(parsed.data, sources), warnings };
}

const FLAGS = {
  config: { type: 'string' },
  port: { type: 'string' },
  host: { type: 'string' },
  'data-dir': { type: 'string' },
} as const;

function readCommandLine(argv: readonly string[], problems: string[]) {
  const settings: Record<string, unknown> = {};
  try {
    const { values } = parseArgs({ args: [...argv], options: FLAGS, strict: true });
    if (values.port !== undefined) {
      settings['port'] = /^\d+$/.test(values.port) ? Number(values.port) : values.port;
    }
    if (values.host !== undefined) settings['host'] = values.host;
    if (values['data-dir'] !== undefined) settings['data_dir'] = values['data-dir'];
    return { config: values.config, settings };
  } catch (error) {
    const flags = Object.keys(FLAGS).map((name) => `--${name}`);
    problems.push(
      `command line: ${(error as Error).message.split('. ')[0] ?? ''}, allowed: ${flags.join(', ')}`,
    );
    return { config: undefined, settings };
  }
}

function readConfigFile(
  named: string | undefined,
  cwd: string,
  problems: string[],
  warnings: string[],
): { path: string | null; values: Record<string, unknown> } {
  const candidates = named === undefined ? ['config.yaml', 'config.yml', 'config.json'] : [named];
  for (const candidate of candidates) {
    const absolute = path.resolve(cwd, candidate);
    let content: string;
    try {
      content = readFileSync(absolute, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      problems.push(
        `${absolute}: it cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`,
      );
      return { path: absolute, values: {} };
    }
    return { path: absolute, values: parseConfigFile(absolute, content, problems) };
  }
  const looked = candidates.map((candidate) => path.resolve(cwd, candidate)).join(', ');
  warnings.push(
    `No configuration file at ${looked}: the defaults hold. Anyone who can reach this server may use it (authentication is off).`,
  );
  return { path: null, values: {} };
}

function parseConfigFile(absolute: string, content: string, problems: string[]): Record<string, unknown> {
  try {
    const values: unknown = readYaml(content) ?? {};
    if (typeof values === 'object' && !Array.isArray(values)) return values as Record<string, unknown>;
    problems.push(
      `${absolute}: it holds no settings, allowed: lines of \`key: value\` (YAML) or one JSON object`,
    );
  } catch (error) {
    problems.push(
      `${absolute}: it is neither YAML nor JSON: ${(error as Error).message.split('\n')[0] ?? ''}`,
    );
  }
  return {};
}

/** @throws also on a list or mapping that contains itself, which YAML can write and nothing here could end on */
function readYaml(text: string): unknown {
  // Without this level, the parser prints its own warnings on stderr, between the lines of the log.
  const values: unknown = parseYaml(text, { logLevel: 'error' });
  JSON.stringify(values);
  return values;
}

const ENV_PREFIX = 'MSST_SERVE_';
const ENV_OF_OTHERS = /^MSST_SERVE_(INTERNAL|SETUP|TEST)_/;

function readEnvironment(env: NodeJS.ProcessEnv, problems: string[]): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(ENV_PREFIX) || ENV_OF_OTHERS.test(name) || value === undefined || value === '')
      continue;
    const key = name.slice(ENV_PREFIX.length).toLowerCase();
    if (!isSettingKey(key)) {
      const near = closest(key, settingKeys);
      const hint = near
        ? `did you mean ${nameInEnv(near)}?`
        : `allowed: ${settingKeys.map(nameInEnv).join(', ')}`;
      problems.push(`${name}: unknown, ${hint}`);
      continue;
    }
    settings[key] = fromEnvironment(key, value);
  }
  return settings;
}

/** A text stays a text where the key takes one; else it is read as YAML would read it (`8000`, `true`, `[a, b]`). */
function fromEnvironment(key: SettingKey, value: string): unknown {
  if (settingsSchema.shape[key].safeParse(value).success) return value;
  try {
    return readYaml(value);
  } catch {
    return value;
  }
}

const nameInEnv = (key: string) => ENV_PREFIX + key.toUpperCase();

const isSettingKey = (key: string): key is SettingKey => Object.hasOwn(settingsSchema.shape, key);

const PATH_KEYS = [
  'data_dir',
  'msst_root',
  'config_path',
  'checkpoint_path',
  'lora_checkpoint_peft',
  'lora_checkpoint_loralib',
];

function absolutePaths(values: Record<string, unknown>, base: string): Record<string, unknown> {
  const resolved: Record<string, unknown> = { ...values };
  for (const [key, value] of Object.entries(values)) {
    if (typeof value === 'string' && value !== '') {
      // A bare `python` or `python3` is looked up on PATH, as a shell would.
      if (PATH_KEYS.includes(key) || (key === 'python' && value.includes('/')))
        resolved[key] = path.resolve(base, value);
    }
    if (key === 'models' && Array.isArray(value)) {
      resolved[key] = value.map((model: unknown) =>
        typeof model === 'object' && model !== null
          ? absolutePaths(model as Record<string, unknown>, base)
          : model,
      );
    }
  }
  return resolved;
}

function describeIssues(issues: readonly z.core.$ZodIssue[], given: Record<string, unknown>): string[] {
  return issues.flatMap((issue) => {
    const where = issue.path.map(String).join('.');
    if (issue.code === 'unrecognized_keys') {
      const known = issue.path[0] === 'models' ? Object.keys(listedModelSchema.shape) : settingKeys;
      return issue.keys.map((key) => {
        const near = closest(key, known);
        const full = where === '' ? key : `${where}.${key}`;
        return `${full}: unknown key${near ? `, did you mean ${near}?` : `, allowed: ${known.join(', ')}`}`;
      });
    }
    const words = issue.code === 'invalid_union' ? unionWords(issue) : issue.message;
    const received = issue.path.reduce<unknown>(
      (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
      given,
    );
    if (received === undefined) return `${where}: missing, allowed: ${words}`;
    return `${where}: ${JSON.stringify(received)} is not valid, allowed: ${words}`;
  });
}

function unionWords(issue: z.core.$ZodIssueInvalidUnion): string {
  const words = issue.errors
    .flat()
    .map((inner) =>
      inner.code === 'invalid_value'
        ? inner.values.map((value) => `\`${String(value)}\``).join(', ')
        : inner.message,
    );
  const last = words.at(-1) ?? '';
  return words.every((word) => last.includes(word)) ? last : words.join(', or ');
}

function toConfig(settings: z.output<typeof settingsSchema>, sources: ConfigSources): Config {
  const python = settings.python === 'auto' ? null : settings.python;
  return Object.freeze({
    host: settings.host,
    port: settings.port,
    publicUrl: settings.public_url ?? null,
    corsOrigins: settings.cors_origins,
    dataDir: path.resolve(sources.cwd, settings.data_dir),
    maxFileSizeBytes: Math.floor(settings.max_file_size),
    maxAudioSeconds: settings.max_audio_duration,
    maxQueueSize: settings.max_queue_size,
    workerThreads: settings.worker_threads,
    devices: settings.devices,
    taskMaxAttempts: settings.task_max_attempts,
    defaultModelType: settings.default_model_type ?? null,
    logLevel: settings.log_level,
    shutdownTimeoutSeconds: settings.shutdown_timeout_seconds,
    minFreeDiskBytes: settings.min_free_disk,
    msstRoot: settings.msst_root ?? sources.projectRoot,
    python,
    listedModels: (settings.models ?? []).map(toListedModel),
    projectRoot: sources.projectRoot,
    enginePython: sources.env['MSST_SERVE_INTERNAL_ENGINE_PYTHON'] ?? python ?? 'python3',
    mediaPython:
      sources.env['MSST_SERVE_INTERNAL_MEDIA_PYTHON'] ?? path.join(sources.projectRoot, '.venv/bin/python'),
    childEnv: environmentOfChildren(sources.env),
  });
}

function environmentOfChildren(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !entry[0].startsWith(ENV_PREFIX) && !entry[0].startsWith('npm_'),
  );
  return Object.fromEntries(kept);
}

function toListedModel(model: z.output<typeof listedModelSchema>): ListedModel {
  return {
    name: model.name,
    architecture: model.architecture ?? null,
    configPath: model.config_path,
    checkpointPath: model.checkpoint_path,
    description: model.description ?? null,
    licence: model.licence ?? null,
    trustPickle: model.trust_pickle ?? false,
    loraCheckpointPeft: model.lora_checkpoint_peft ?? null,
    loraCheckpointLoralib: model.lora_checkpoint_loralib ?? null,
    batchSize: model.batch_size ?? null,
    numOverlap: model.num_overlap ?? null,
  };
}
