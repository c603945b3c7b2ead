/** Reads settings from their sources: the command line, the configuration file, the environment. */
import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { parse as parseYaml } from 'yaml';
import { closest } from '../didYouMean.ts';
import { isSettingKey, settingKeys, settingsSchema, type SettingKey } from './settings.ts';

const FLAGS = {
  config: { type: 'string' },
  port: { type: 'string' },
  host: { type: 'string' },
  'data-dir': { type: 'string' },
} as const;

/** Reads the settings on the command line, and the configuration file it names. */
export function readCommandLine(argv: readonly string[], problems: string[]) {
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
    const wrong = (error as Error).message.split('. ')[0] ?? '';
    problems.push(
      `command line: ${wrong}, allowed: ${flags.join(', ')}; \`npm start -- --help\` explains them`,
    );
    return { config: undefined, settings };
  }
}

/** Reads the configuration file. A missing file is a warning, an unreadable one a problem. */
export function readConfigFile(
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
    `No configuration file at ${looked}: using the defaults. Anyone who can reach this server can use it (authentication is off).`,
  );
  return { path: null, values: {} };
}

function parseConfigFile(absolute: string, content: string, problems: string[]): Record<string, unknown> {
  try {
    const values: unknown = readYaml(content) ?? {};
    if (typeof values === 'object' && !Array.isArray(values)) return values as Record<string, unknown>;
    problems.push(
      `${absolute}: it contains no settings, allowed: lines of \`key: value\` (YAML) or one JSON object`,
    );
  } catch (error) {
    problems.push(
      `${absolute}: it is neither YAML nor JSON: ${(error as Error).message.split('\n')[0] ?? ''}`,
    );
  }
  return {};
}

/**
 * Parses YAML.
 *
 * @throws also on a list or mapping that contains itself: YAML allows it, and it would cause endless recursion here
 */
function readYaml(text: string): unknown {
  // At the default level, the parser prints warnings to stderr, between the lines of the log.
  const values: unknown = parseYaml(text, { logLevel: 'error' });
  JSON.stringify(values);
  return values;
}

const ENV_PREFIX = 'MSST_SERVE_';
const ENV_OF_OTHERS = /^MSST_SERVE_(INTERNAL|SETUP|TEST)_/;

/** Reads the settings in the environment, named `MSST_SERVE_<KEY>`. */
export function readEnvironment(env: NodeJS.ProcessEnv, problems: string[]): Record<string, unknown> {
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

/** Keeps the text if the setting accepts it; otherwise parses it as YAML (`8000`, `true`, `[a, b]`). */
function fromEnvironment(key: SettingKey, value: string): unknown {
  if (settingsSchema.shape[key].safeParse(value).success) return value;
  try {
    return readYaml(value);
  } catch {
    return value;
  }
}

const nameInEnv = (key: string) => ENV_PREFIX + key.toUpperCase();

const PATH_KEYS = [
  'data_dir',
  'log_file',
  'msst_root',
  'config_path',
  'checkpoint_path',
  'lora_checkpoint_peft',
  'lora_checkpoint_loralib',
];

const PATH_LIST_KEYS = ['extra_model_dirs'];

/** Makes every path in the settings absolute: `~` is the home folder, other paths are relative to `base`. */
export function absolutePaths(values: Record<string, unknown>, base: string): Record<string, unknown> {
  const resolved: Record<string, unknown> = { ...values };
  for (const [key, value] of Object.entries(values)) {
    if (isPath(value)) {
      // A bare `python` or `python3` is looked up on PATH, as a shell would.
      if (PATH_KEYS.includes(key) || (key === 'python' && value.includes('/')))
        resolved[key] = absolutePath(value, base);
    }
    if (PATH_LIST_KEYS.includes(key) && Array.isArray(value)) {
      resolved[key] = value.map((each: unknown) => (isPath(each) ? absolutePath(each, base) : each));
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

const isPath = (value: unknown): value is string => typeof value === 'string' && value !== '';

const absolutePath = (value: string, base: string) =>
  path.resolve(
    base,
    value.replace(/^~(?=\/|$)/, () => os.homedir()),
  );

/** The environment for child processes: without the server's own settings, which may be secret, and npm's. */
export function environmentOfChildren(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !entry[0].startsWith(ENV_PREFIX) && !entry[0].startsWith('npm_'),
  );
  return Object.fromEntries(kept);
}
