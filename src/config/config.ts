/** Reads the command line, the environment and the configuration file. No other module does. */
import path from 'node:path';
import type { z } from 'zod';
import type { ApiKey } from './apiKeys.ts';
import type { Precision } from './precision.ts';
import { parseNeeds, type KnownNeeds } from './knownNeeds.ts';
import { describeUnknownOptions, parseOptions } from './knownOptions.ts';
import { describeLackingFolders } from './lackingFolders.ts';
import { describeContradictions, describeIssues } from './problems.ts';
import { wordsOfArguments } from './msstArguments.ts';
import { settingsSchema, type listedModelSchema } from './settings.ts';
import {
  absolutePaths,
  environmentOfChildren,
  readCommandLine,
  readConfigFile,
  readEnvironment,
} from './sources.ts';
import type { LogLevel } from '../log/log.ts';
import type { RotatingFileOptions } from '../log/rotatingFile.ts';

/** A model listed in the configuration; paths are absolute. */
export interface ListedModel {
  name: string;
  architecture: string | null;
  configPath: string;
  checkpointPath: string;
  description: string | null;
  licence: string | null;
  /** True, or the sha256 of the only checkpoint that may be unpickled without restrictions. */
  trustPickle: boolean | string;
  loraCheckpointPeft: string | null;
  loraCheckpointLoralib: string | null;
  batchSize: number | null;
  numOverlap: number | null;
  precision: Precision;
  compile: boolean;
  /** Command-line arguments for the MSST in use. */
  msstArguments: readonly string[];
}

/** The server's configuration, read once at startup. Sizes in bytes, durations in seconds, paths absolute. */
export interface Config {
  host: string;
  port: number;
  publicUrl: string | null;
  corsOrigins: readonly string[];
  enableAuth: boolean;
  apiKeys: readonly ApiKey[];
  enableRateLimit: boolean;
  requestsPerHour: number;
  trustProxy: boolean;
  dataDir: string;
  maxFileSizeBytes: number;
  maxAudioSeconds: number | 'memory';
  maxQueueSize: number;
  workerThreads: number | 'auto';
  devices: readonly string[] | 'auto';
  taskMaxAttempts: number;
  /** Retention after a task's end: files of completed tasks, files of failed and cancelled tasks, all rows. */
  cleanupRetentionHours: number;
  failedRetentionHours: number;
  metadataRetentionHours: number;
  defaultModelType: string | null;
  /** As written in the configuration; the catalog checks which of them exist. */
  preloadModels: readonly string[];
  /** 0: never. */
  modelIdleUnloadSeconds: number;
  logLevel: LogLevel;
  logFile: RotatingFileOptions;
  shutdownTimeoutSeconds: number;
  minFreeDiskBytes: number;
  /** Uploads are refused when less disk space is free. */
  reserveDiskBytes: number;
  /** The folder whose `inference.py` exports `proc_folder`; the project root unless configured. */
  msstRoot: string;
  /** The configured interpreter; null: the set-up chooses one. */
  python: string | null;
  /** Additional packages that the set-up installs into its environment for MSST. */
  engineExtras: readonly string[];
  /** Folders of other tools that are also searched for models. */
  extraModelDirs: readonly string[];
  listedModels: readonly ListedModel[];
  projectRoot: string;
  /** What the MSST in use builds and which modules it lacks, as found by the set-up; null when unknown. */
  knownNeeds: KnownNeeds | null;
  /** The interpreters chosen by the set-up. */
  enginePython: string;
  mediaPython: string;
  /** The environment for child processes: the server's own without its settings, which may be secret. */
  childEnv: Readonly<Record<string, string>>;
}

/** The result of `loadConfig`: the configuration, and warnings for the administrator about its sources. */
export interface LoadedConfig {
  config: Config;
  warnings: string[];
}

/** The configuration is invalid; `problems` holds every reason, one sentence each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** The inputs a configuration is read from. */
export interface ConfigSources {
  /** The arguments after the program's name. */
  argv: readonly string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
  projectRoot: string;
}

/**
 * Reads the configuration from the command line, the environment and the file, in this order of precedence, over
 * the defaults.
 *
 * @throws {ConfigError} with all problems at once
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
  problems.push(
    ...describeContradictions(given),
    ...describeLackingFolders(given),
    ...describeUnknownOptions(given, parseOptions(sources.env['MSST_SERVE_INTERNAL_OPTIONS'])),
  );
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  return { config: toConfig(parsed.data, sources), warnings };
}

function toConfig(settings: z.output<typeof settingsSchema>, sources: ConfigSources): Config {
  const python = settings.python === 'auto' ? null : settings.python;
  return Object.freeze({
    host: settings.host,
    port: settings.port,
    publicUrl: settings.public_url ?? null,
    corsOrigins: settings.cors_origins,
    enableAuth: settings.enable_auth,
    apiKeys: settings.api_keys,
    enableRateLimit: settings.enable_rate_limit,
    requestsPerHour: settings.requests_per_hour,
    trustProxy: settings.trust_proxy,
    dataDir: path.resolve(sources.cwd, settings.data_dir),
    maxFileSizeBytes: Math.floor(settings.max_file_size),
    maxAudioSeconds: settings.max_audio_duration,
    maxQueueSize: settings.max_queue_size,
    workerThreads: settings.worker_threads,
    devices: settings.devices,
    taskMaxAttempts: settings.task_max_attempts,
    cleanupRetentionHours: settings.cleanup_retention_hours,
    failedRetentionHours: settings.failed_retention_hours,
    metadataRetentionHours: settings.metadata_retention_hours,
    defaultModelType: settings.default_model_type ?? null,
    preloadModels: settings.preload_models,
    modelIdleUnloadSeconds: settings.model_idle_unload_seconds,
    logLevel: settings.log_level,
    logFile: {
      path: settings.log_file ?? path.resolve(sources.cwd, settings.data_dir, 'logs/server.log'),
      maxBytes: settings.log_max_size,
      maxFiles: settings.log_max_files,
    },
    shutdownTimeoutSeconds: settings.shutdown_timeout_seconds,
    minFreeDiskBytes: settings.min_free_disk,
    reserveDiskBytes: settings.reserve_disk,
    msstRoot: settings.msst_root ?? sources.projectRoot,
    python,
    engineExtras: settings.engine_extras,
    extraModelDirs: settings.extra_model_dirs,
    listedModels: (settings.models ?? []).map(toListedModel),
    projectRoot: sources.projectRoot,
    knownNeeds: parseNeeds(sources.env['MSST_SERVE_INTERNAL_NEEDS']),
    enginePython: sources.env['MSST_SERVE_INTERNAL_ENGINE_PYTHON'] ?? python ?? 'python3',
    mediaPython:
      sources.env['MSST_SERVE_INTERNAL_MEDIA_PYTHON'] ?? path.join(sources.projectRoot, '.venv/bin/python'),
    childEnv: environmentOfChildren(sources.env),
  });
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
    precision: model.precision ?? 'fp32',
    compile: model.compile ?? false,
    msstArguments: wordsOfArguments(model.msst_arguments ?? {}),
  };
}
