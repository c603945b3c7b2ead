import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError, loadConfig, type ConfigSources } from '../../../src/config/config.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

const PROJECT = '/srv/msst-serve';

function load(cwd: string, given: Partial<Pick<ConfigSources, 'argv' | 'env'>> = {}) {
  return loadConfig({ argv: [], env: {}, cwd, projectRoot: PROJECT, ...given });
}

async function folderWith(content: string, name = 'config.yaml'): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(path.join(folder, name), content);
  return folder;
}

function problemsOf(body: () => unknown): readonly string[] {
  try {
    body();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a missing file', () => {
  test('means the defaults, and one warning that names the path and says that authentication is off', async () => {
    const folder = await temporaryFolder();
    const { config, warnings } = load(folder);
    expect(config).toMatchObject({
      host: '127.0.0.1',
      port: 8000,
      publicUrl: null,
      corsOrigins: [],
      enableAuth: false,
      apiKeys: [],
      enableRateLimit: false,
      requestsPerHour: 1000,
      trustProxy: false,
      dataDir: path.join(folder, 'data'),
      maxFileSizeBytes: 500_000_000,
      maxAudioSeconds: 'memory',
      maxQueueSize: 1000,
      workerThreads: 'auto',
      devices: 'auto',
      taskMaxAttempts: 3,
      cleanupRetentionHours: 24,
      failedRetentionHours: 24,
      metadataRetentionHours: 168,
      defaultModelType: null,
      preloadModels: [],
      modelIdleUnloadSeconds: 0,
      logLevel: 'info',
      logFile: {
        path: path.join(folder, 'data/logs/server.log'),
        maxBytes: 10_000_000,
        maxFiles: 5,
      },
      shutdownTimeoutSeconds: 30,
      minFreeDiskBytes: 10_000_000_000,
      reserveDiskBytes: 1_000_000_000,
      msstRoot: PROJECT,
      python: null,
      listedModels: [],
    });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(path.join(folder, 'config.yaml'));
    expect(warnings[0]).toContain('authentication is off');
  });

  test('is the same when --config names it', async () => {
    const folder = await temporaryFolder();
    const { config, warnings } = load(folder, { argv: ['--config', 'mine.yaml'] });
    expect(config.port).toBe(8000);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(path.join(folder, 'mine.yaml'));
  });

  test('an empty file is no missing file', async () => {
    const { config, warnings } = load(await folderWith('# nothing set\n'));
    expect(config.port).toBe(8000);
    expect(warnings).toEqual([]);
  });

  test('a file that cannot be read is a problem, never a silent default', async () => {
    const folder = await temporaryFolder();
    await mkdir(path.join(folder, 'config.yaml'));
    expect(problemsOf(() => load(folder))).toEqual([expect.stringContaining('cannot be read')]);
  });
});

describe('precedence', () => {
  test('goes command line, environment, file, default', async () => {
    const folder = await folderWith('host: file\nport: 1\ndata_dir: of-file\nlog_level: warn\n');
    const env = { MSST_SERVE_HOST: 'env', MSST_SERVE_PORT: '2', MSST_SERVE_DATA_DIR: 'of-env' };
    const argv = ['--host', 'line', '--port', '3', '--data-dir', 'of-line'];
    const pick = (given: Parameters<typeof load>[1]) => {
      const { host, port, dataDir, logLevel } = load(folder, given).config;
      return [host, port, path.relative(folder, dataDir), logLevel];
    };
    expect(pick({})).toEqual(['file', 1, 'of-file', 'warn']);
    expect(pick({ env })).toEqual(['env', 2, 'of-env', 'warn']);
    expect(pick({ env, argv })).toEqual(['line', 3, 'of-line', 'warn']);
    expect(pick({ argv: ['--port', '3'] })).toEqual(['file', 3, 'of-file', 'warn']);
  });

  test('an empty environment variable counts as absent', async () => {
    const folder = await folderWith('port: 1\n');
    expect(load(folder, { env: { MSST_SERVE_PORT: '' } }).config.port).toBe(1);
  });

  test('the environment takes lists and numbers as YAML would', async () => {
    const env = { MSST_SERVE_DEVICES: '["cuda:0", "cuda:1"]', MSST_SERVE_MAX_FILE_SIZE: '1GiB' };
    const { config } = load(await temporaryFolder(), { env });
    expect(config.devices).toEqual(['cuda:0', 'cuda:1']);
    expect(config.maxFileSizeBytes).toBe(2 ** 30);
  });
});

describe('models kept warm', () => {
  test('are named in a list, and freed after a duration', async () => {
    const yaml = 'preload_models: [starter, vocals]\nmodel_idle_unload_seconds: 10m\n';
    const { config } = load(await folderWith(yaml));
    expect(config).toMatchObject({ preloadModels: ['starter', 'vocals'], modelIdleUnloadSeconds: 600 });
    const env = { MSST_SERVE_PRELOAD_MODELS: '[starter]', MSST_SERVE_MODEL_IDLE_UNLOAD_SECONDS: '90' };
    const { config: ofEnv } = load(await temporaryFolder(), { env });
    expect(ofEnv).toMatchObject({ preloadModels: ['starter'], modelIdleUnloadSeconds: 90 });
  });

  test.each([
    ['preload_models: starter', 'preload_models: "starter" is not valid, allowed: a list of model names'],
    ['preload_models: [1]', 'preload_models: [1] is not valid, allowed: a list of model names'],
    ['preload_models: [""]', 'preload_models: [""] is not valid, allowed: a list of model names'],
    [
      'model_idle_unload_seconds: -1',
      'model_idle_unload_seconds: -1 is not valid, allowed: a duration such as 300, 30s or 10m, or 0 for never',
    ],
    ['preload_model: []', 'preload_model: unknown key, did you mean preload_models?'],
  ])('%s is refused with what is allowed', async (yaml, problem) => {
    const folder = await folderWith(yaml);
    expect(problemsOf(() => load(folder))).toEqual([problem]);
  });
});

describe('folders of other tools', () => {
  test('are a list, relative to the file, or in the environment to the working directory', async () => {
    const folder = await folderWith('extra_model_dirs: [etc/a, .]\n');
    await mkdir(path.join(folder, 'etc/a'), { recursive: true });
    expect(load(folder).config.extraModelDirs).toEqual([path.join(folder, 'etc/a'), folder]);
    const env = { MSST_SERVE_EXTRA_MODEL_DIRS: '[etc]' };
    expect(load(folder, { env }).config.extraModelDirs).toEqual([path.join(folder, 'etc')]);
    expect(load(await folderWith('extra_model_dirs: ["~"]')).config.extraModelDirs).toEqual([os.homedir()]);
  });

  test('that are not there, are files or cannot be looked into are told, each by its place', async () => {
    const folder = await folderWith('extra_model_dirs: [none, config.yaml, ., shut]\n');
    await mkdir(path.join(folder, 'shut'), { mode: 0o000 });
    const problem = (index: number, name: string) =>
      `extra_model_dirs.${String(index)}: ${JSON.stringify(path.join(folder, name))} is not valid, allowed: an existing, readable folder`;
    // Root may look into every folder.
    const shut = process.getuid?.() === 0 ? [] : [problem(3, 'shut')];
    expect(problemsOf(() => load(folder))).toEqual([problem(0, 'none'), problem(1, 'config.yaml'), ...shut]);
  });

  test.each(['extra_model_dirs: /tmp', 'extra_model_dirs: [1]', 'extra_model_dirs: [""]'])(
    '%s is refused with what is allowed',
    async (yaml) => {
      const folder = await folderWith(yaml);
      expect(problemsOf(() => load(folder))).toEqual([
        expect.stringMatching(/^extra_model_dirs: .* is not valid, allowed: a list of folders$/),
      ]);
    },
  );
});

describe('the file', () => {
  test('says the same in YAML and in JSON', async () => {
    const yaml = await folderWith(
      'port: 9000\ncors_origins:\n  - https://example.org/\nmax_queue_size: 5\n',
      'config.yml',
    );
    const json = await folderWith(
      JSON.stringify({ port: 9000, cors_origins: ['https://example.org/'], max_queue_size: 5 }),
      'config.json',
    );
    const relevant = ({ config }: ReturnType<typeof load>) => ({ ...config, dataDir: '', logFile: {} });
    expect(relevant(load(json))).toEqual(relevant(load(yaml)));
    expect(load(json).config.corsOrigins).toEqual(['https://example.org']);
  });

  test('a path may begin at the home folder', async () => {
    const folder = await temporaryFolder();
    const settings = { msst_root: '~/msst', data_dir: '~', python: '~/venv/bin/python' };
    await writeFile(path.join(folder, 'config.json'), JSON.stringify(settings));
    const { config } = load(folder);
    expect([config.msstRoot, config.dataDir, config.python]).toEqual([
      path.join(os.homedir(), 'msst'),
      os.homedir(),
      path.join(os.homedir(), 'venv/bin/python'),
    ]);
  });

  test('relative paths are relative to it, those of the command line and the environment to the working directory', async () => {
    const folder = await temporaryFolder();
    const etc = path.join(folder, 'etc');
    await mkdir(etc);
    await writeFile(
      path.join(etc, 'serve.yaml'),
      [
        'data_dir: ../store',
        'msst_root: msst',
        'python: ./venv/bin/python',
        'models:',
        '  - {name: mine, config_path: a.yaml, checkpoint_path: /abs/a.ckpt}',
      ].join('\n'),
    );
    const argv = ['--config', 'etc/serve.yaml'];
    const { config } = load(folder, { argv });
    expect(config.dataDir).toBe(path.join(folder, 'store'));
    expect(config.msstRoot).toBe(path.join(etc, 'msst'));
    expect(config.python).toBe(path.join(etc, 'venv/bin/python'));
    expect(config.listedModels[0]).toMatchObject({
      name: 'mine',
      configPath: path.join(etc, 'a.yaml'),
      checkpointPath: '/abs/a.ckpt',
      trustPickle: false,
    });
    expect(load(folder, { argv: [...argv, '--data-dir', 'here'] }).config.dataDir).toBe(
      path.join(folder, 'here'),
    );
    expect(load(folder, { argv, env: { MSST_SERVE_DATA_DIR: 'there' } }).config.dataDir).toBe(
      path.join(folder, 'there'),
    );
  });

  test('a bare interpreter name is left for PATH', async () => {
    expect(load(await folderWith('python: python3.12\n')).config.python).toBe('python3.12');
  });

  test.each([
    ['500MB', 500e6],
    ['1.5 MB', 1.5e6],
    ['1MiB', 2 ** 20],
    ['2gib', 2 ** 31],
    ['1000', 1000],
    [1000, 1000],
  ])('a size of %s is %d bytes', async (given, bytes) => {
    expect(load(await folderWith(JSON.stringify({ max_file_size: given }))).config.maxFileSizeBytes).toBe(
      bytes,
    );
  });

  test.each([
    ['30s', 30],
    ['10m', 600],
    ['4h', 14_400],
    ['90', 90],
    [90, 90],
    ['1d', 86_400],
  ])('a duration of %s is %d seconds', async (given, seconds) => {
    expect(load(await folderWith(JSON.stringify({ max_audio_duration: given }))).config.maxAudioSeconds).toBe(
      seconds,
    );
  });
});

describe('what is wrong', () => {
  test('is all told at once, each as `key: …, allowed: …`', async () => {
    const folder = await folderWith(
      [
        'port: 70000',
        'max_file_size: huge',
        'max_audio_duration: soon',
        'devices: 3',
        'log_level: loud',
        'cors_origins: [not a url]',
        'models: [{name: "a/b", config_path: x.yaml, batch_size: 65}]',
      ].join('\n'),
    );
    const problems = problemsOf(() => load(folder));
    const keys = problems.map((problem) => problem.split(':')[0]);
    expect(keys.sort()).toEqual(
      [
        'port',
        'max_file_size',
        'max_audio_duration',
        'devices',
        'log_level',
        'cors_origins',
        'models.0.name',
        'models.0.checkpoint_path',
        'models.0.batch_size',
      ].sort(),
    );
    for (const problem of problems) expect(problem).toMatch(/^[\w.]+: .+, allowed: .+/);
    expect(problems).toContainEqual('port: 70000 is not valid, allowed: a whole number from 0 to 65535');
    expect(problems).toContainEqual('models.0.checkpoint_path: missing, allowed: a path');
  });

  test.each([0, -1, '.inf', '1e400', 'a day', 1_000_001])('no time is kept for %s hours', async (hours) => {
    const folder = await folderWith(`cleanup_retention_hours: ${String(hours)}\n`);
    const [problem, ...others] = problemsOf(() => load(folder));
    expect(problem).toMatch(/^cleanup_retention_hours: .+, allowed: a number of hours above 0/);
    expect(others).toEqual([]);
  });

  test('a task that would be forgotten before its files is told beside everything else, with both keys', async () => {
    const folder = await folderWith(
      'port: 70000\ncleanup_retention_hours: 2\nfailed_retention_hours: 200\nmetadata_retention_hours: 1.5\n',
    );
    expect(problemsOf(() => load(folder))).toEqual([
      'port: 70000 is not valid, allowed: a whole number from 0 to 65535',
      expect.stringMatching(/^metadata_retention_hours: 1.5 is shorter than cleanup_retention_hours \(2\)/),
      expect.stringMatching(/^metadata_retention_hours: 1.5 is shorter than failed_retention_hours \(200\)/),
    ]);
    const againstDefault = await folderWith('failed_retention_hours: 168.5\n');
    expect(problemsOf(() => load(againstDefault))).toEqual([
      expect.stringMatching(/^metadata_retention_hours: 168 is shorter than failed_retention_hours/),
    ]);
  });

  test('a task may be forgotten together with its files, after a fraction of an hour', async () => {
    const folder = await folderWith(
      'cleanup_retention_hours: 0.5\nfailed_retention_hours: 0.25\nmetadata_retention_hours: 0.5\n',
    );
    expect(load(folder).config).toMatchObject({
      cleanupRetentionHours: 0.5,
      failedRetentionHours: 0.25,
      metadataRetentionHours: 0.5,
    });
  });

  test('an unknown key is named with the one that was meant', async () => {
    const folder = await folderWith(
      'prt: 1\nmax_filesize: 1MB\nmodels: [{name: a, config_path: a, checkpoint: b, checkpoint_path: c}]\n',
    );
    const problems = problemsOf(() => load(folder, { env: { MSST_SERVE_HOTS: 'x', MSST_SERVE_HOSTT: 'x' } }));
    expect(problems).toContainEqual('prt: unknown key, did you mean port?');
    expect(problems).toContainEqual('max_filesize: unknown key, did you mean max_file_size?');
    expect(problems).toContainEqual('models.0.checkpoint: unknown key, did you mean checkpoint_path?');
    expect(problems).toContainEqual('MSST_SERVE_HOSTT: unknown, did you mean MSST_SERVE_HOST?');
    expect(problems).toContainEqual(
      expect.stringMatching(/^MSST_SERVE_HOTS: unknown, allowed: MSST_SERVE_HOST, MSST_SERVE_PORT, /),
    );
  });

  test('how a model is computed is told with what is allowed', async () => {
    const entry = 'name: a, config_path: a, checkpoint_path: c';
    const problemsWith = async (more: string) => {
      const folder = await folderWith(`models: [{${entry}, ${more}}]\n`);
      return problemsOf(() => load(folder));
    };
    expect(await problemsWith('precision: bf61')).toEqual([
      'models.0.precision: "bf61" is not valid, allowed: one of fp32, bf16, fp16',
    ]);
    expect(await problemsWith('precison: bf16')).toEqual([
      'models.0.precison: unknown key, did you mean precision?',
    ]);
    expect(await problemsWith('compile: fast')).toEqual([
      'models.0.compile: "fast" is not valid, allowed: true or false',
    ]);
    for (const [models, words] of [
      ['{a: b}', 'a list of entries, each with name, config_path and checkpoint_path'],
      ['[x]', 'an entry with name, config_path and checkpoint_path'],
    ]) {
      const folder = await folderWith(`models: ${String(models)}\n`);
      expect(problemsOf(() => load(folder))).toEqual([expect.stringContaining(`allowed: ${String(words)}`)]);
    }
    for (const device of ['gpu', 'cuda', '0', 'cuda:x', 'GPU-']) {
      const folder = await folderWith(`devices: [${JSON.stringify(device)}]\n`);
      expect(problemsOf(() => load(folder))).toEqual([
        expect.stringMatching(
          /^devices: .* is not valid, allowed: `auto`, or a list of devices: cpu, mps, cuda:0/,
        ),
      ]);
    }
    const plain = await folderWith(`models: [{${entry}}]\n`);
    expect(load(plain).config.listedModels).toMatchObject([{ precision: 'fp32', compile: false }]);
    const fast = await folderWith(`models: [{${entry}, precision: bf16, compile: true}]\n`);
    expect(load(fast).config.listedModels).toMatchObject([{ precision: 'bf16', compile: true }]);
    const own = await folderWith(
      `models: [{${entry}, msst_arguments: {mine: 0.5, on: true, off: false, many: [1, two]}}]\n`,
    );
    expect(load(own).config.listedModels).toMatchObject([
      { msstArguments: ['--mine=0.5', '--on', '--many', '1', 'two'] },
    ]);
    for (const bad of ['{store_dir: /etc}', '{"-x": 1}', '{mine: {a: 1}}', 'fast', '{mine: null}']) {
      expect(await problemsWith(`msst_arguments: ${bad}`)).toEqual([
        expect.stringMatching(
          /^models\.0\.msst_arguments: .* is not valid, allowed: at most 20 options of your MSST's inference\.py/,
        ),
      ]);
    }
  });

  test('an option that the MSST in use has not, as the set-up found out, is told with the nearest', async () => {
    const folder = await folderWith(
      'models: [{name: a, config_path: a.yaml, checkpoint_path: a.ckpt, msst_arguments: {my_optoin: 1}}]\n',
    );
    const option = { names: ['my_option'], least: 1, most: 1, type: 'text', choices: null };
    const env = { MSST_SERVE_INTERNAL_OPTIONS: JSON.stringify([option]) };
    expect(problemsOf(() => load(folder, { env }))).toEqual([
      'models.0.msst_arguments.my_optoin: no option of this MSST, did you mean my_option?',
    ]);
    expect(load(folder).config.listedModels).toMatchObject([{ msstArguments: ['--my_optoin=1'] }]);
  });

  test('a key that is like no other is told what there is', async () => {
    const folder = await folderWith('zzzzzzzzzz: 1\n');
    const problems = problemsOf(() => load(folder));
    expect(problems).toEqual([expect.stringMatching(/^zzzzzzzzzz: unknown key, allowed: host, port, /)]);
  });

  test('of the command line names the flags there are', async () => {
    const problems = problemsOf(() => load('/', { argv: ['--prot', '1'] }));
    expect(problems).toEqual([
      expect.stringMatching(
        /--prot.*allowed: --config, --port, --host, --data-dir; `npm start -- --help` explains them$/,
      ),
    ]);
  });

  test.each(['abc', '', '0x10', '1e3', '70000', '-1'])(
    'a port of %j on the command line is refused',
    async (port) => {
      const problems = problemsOf(() => load('/', { argv: [`--port=${port}`] }));
      expect(problems).toEqual([
        `port: ${/^\d+$/.test(port) ? port : JSON.stringify(port)} is not valid, allowed: a whole number from 0 to 65535`,
      ]);
    },
  );

  test.each([
    '- a\n- b\n',
    'just words',
    '"text"',
    '12',
    'a: [',
    '{"port": 1,,}',
    'port: 1\nport: 2\n',
    '\t{',
  ])('a file of %j is refused in words', async (content) => {
    const folder = await folderWith(content);
    expect(problemsOf(() => load(folder))).toEqual([
      expect.stringContaining(path.join(folder, 'config.yaml')),
    ]);
  });

  test.each(['port: &a [*a]', 'models: &a [{models: *a}]', 'devices: &a {b: *a}', 'models: &a [*a]'])(
    'a file that contains itself (%j) is refused, not followed for ever',
    async (content) => {
      const folder = await folderWith(content);
      expect(problemsOf(() => load(folder)).length).toBeGreaterThan(0);
    },
  );
});

describe('the keys', () => {
  const KEY = 'a-key-that-is-long-enough';
  const sha256 = (key: string) => createHash('sha256').update(key).digest('hex');
  const loadKeys = async (api_keys: unknown, more = {}) =>
    load(await folderWith(JSON.stringify({ enable_auth: true, api_keys, ...more })));

  test('may be plain, named, or a hash, and only hashes are kept', async () => {
    const hash = sha256('another key').toUpperCase();
    const { config } = await loadKeys([KEY, { name: 'ann', key: `${KEY}!` }, { name: 'ben', sha256: hash }]);
    expect(config.enableAuth).toBe(true);
    expect(config.apiKeys).toEqual([
      { name: null, sha256: sha256(KEY) },
      { name: 'ann', sha256: sha256(`${KEY}!`) },
      { name: 'ben', sha256: hash.toLowerCase() },
    ]);
    expect(JSON.stringify(config)).not.toContain(KEY);
  });

  test('come from the environment as a list', async () => {
    const env = { MSST_SERVE_ENABLE_AUTH: 'true', MSST_SERVE_API_KEYS: JSON.stringify([KEY]) };
    const { config } = load(await temporaryFolder(), { env });
    expect([config.enableAuth, config.apiKeys]).toEqual([true, [{ name: null, sha256: sha256(KEY) }]]);
  });

  test.each(['{}', '{"api_keys": []}'])('may not be none when authentication is on (%s)', async (rest) => {
    const folder = await folderWith(JSON.stringify({ enable_auth: true, port: -1, ...JSON.parse(rest) }));
    const problems = problemsOf(() => load(folder));
    expect(problems).toContainEqual(
      'api_keys: enable_auth is true and there is no key, allowed: at least one key',
    );
    expect(problems).toContainEqual(expect.stringMatching(/^port: /));
  });

  test('may be there while authentication is off', async () => {
    const { config } = await loadKeys([KEY], { enable_auth: false });
    expect([config.enableAuth, config.apiKeys.length]).toEqual([false, 1]);
  });

  const ENTRY =
    'a key of 16 to 1000 visible ASCII characters, quoted; or {name, key}; or {name, sha256} with 64 hexadecimal digits';
  const IN_QUOTES = '16 to 1000 visible ASCII characters, quoted';
  const OF_A_NAME = '1 to 100 characters, none of them a control character';
  const HASH = '64 hexadecimal digits, quoted';
  test.each([
    ['secret-of-15-ch', `: as a key, it is too short, allowed: ${ENTRY}`],
    ['secret'.repeat(200), `: as a key, it is too long, allowed: ${ENTRY}`],
    ['', `: as a key, it is empty, allowed: ${ENTRY}`],
    [
      'secret secret secret',
      `: as a key, it has spaces or other characters that are not allowed, allowed: ${ENTRY}`,
    ],
    [
      'sécret-sécret-sécret',
      `: as a key, it has spaces or other characters that are not allowed, allowed: ${ENTRY}`,
    ],
    [5_533_553_355_335_533, `: it is a number, not a string, allowed: ${ENTRY}`],
    [null, `: it is not a string, allowed: ${ENTRY}`],
    [[KEY], `: it is not a string, allowed: ${ENTRY}`],
    [{ name: 'a', key: 'secret' }, `.key: it is too short, allowed: ${IN_QUOTES}`],
    [{ name: 'a', key: 5_533_553_355 }, `.key: it is a number, not a string, allowed: ${IN_QUOTES}`],
    [{ name: 'a', sha256: 'abc' }, `.sha256: it is too short, allowed: ${HASH}`],
    [
      { name: 'a', sha256: 'secret00'.repeat(8) },
      `.sha256: it has characters that are not allowed, allowed: ${HASH}`,
    ],
    [{ name: '', key: KEY }, `.name: it is empty, allowed: ${OF_A_NAME}`],
    [{ name: 'a\nb', key: KEY }, `.name: it has control characters, allowed: ${OF_A_NAME}`],
    [{ key: KEY }, `.name: missing, allowed: ${OF_A_NAME}`],
    [{ name: 'a' }, ': it has neither key nor sha256, allowed: one of the two'],
    [{ name: 'a', key: KEY, sha256: sha256(KEY) }, ': it has both key and sha256, allowed: one of the two'],
    [
      { name: 'a', key: KEY, [`secret-${KEY}`]: 1 },
      ': it has an unknown field, allowed: name with key or sha256',
    ],
    [{ name: 'a', key: KEY, toString: 1 }, ': it has an unknown field, allowed: name with key or sha256'],
  ])('an entry that is wrong is told by its place and part, and never shown: %j', async (entry, told) => {
    const folder = await folderWith(JSON.stringify({ api_keys: [`${KEY}1`, entry] }));
    const problems = problemsOf(() => load(folder));
    expect(problems).toEqual([`api_keys.1${told}`]);
    expect(problems[0]).not.toMatch(/secret|5533|a-key|sécret/);
  });

  test('an entry with several faults is told each of them', async () => {
    const folder = await folderWith(JSON.stringify({ api_keys: [{ nam: 'ann', keys: KEY }] }));
    const unknown = (near: string) =>
      `api_keys.0: it has an unknown field, allowed: name with key or sha256, did you mean ${near}?`;
    expect(problemsOf(() => load(folder))).toEqual([
      unknown('name'),
      unknown('key'),
      'api_keys.0: it has neither key nor sha256, allowed: one of the two',
      `api_keys.0.name: missing, allowed: ${OF_A_NAME}`,
    ]);
  });

  test('that are no list are not shown either', async () => {
    const folder = await folderWith(JSON.stringify({ api_keys: { ann: KEY } }));
    expect(problemsOf(() => load(folder))).toEqual(['api_keys: not valid, allowed: a list of keys']);
  });

  test('may not have a key or an owner twice, each place told', async () => {
    const keys = [
      KEY,
      { name: 'ann', key: KEY },
      { name: 'ben', key: `${KEY}2` },
      { name: 'ben', key: `${KEY}3` },
      { name: `key-${sha256(KEY).slice(0, 12)}`, key: `${KEY}4` },
    ];
    const folder = await folderWith(JSON.stringify({ api_keys: keys }));
    expect(problemsOf(() => load(folder))).toEqual(
      [
        ['key', 1, 0],
        ['name', 3, 2],
        ['name', 4, 0],
      ].map(
        ([part, place, before]) =>
          `api_keys.${String(place)}: its ${String(part)} is that of api_keys.${String(before)}, allowed: a ${String(part)} that no earlier entry has`,
      ),
    );
  });
});

test('child processes get none of the settings, which may be secret', async () => {
  const env = {
    PATH: '/usr/bin',
    HOME: '/home/me',
    MSST_SERVE_HOST: '0.0.0.0',
    MSST_SERVE_INTERNAL_ENGINE_PYTHON: '/venv/bin/python',
    CUDA_VISIBLE_DEVICES: '1',
  };
  const { config } = load(await temporaryFolder(), { env });
  expect(config.childEnv).toEqual({ PATH: '/usr/bin', HOME: '/home/me', CUDA_VISIBLE_DEVICES: '1' });
  expect(config.enginePython).toBe('/venv/bin/python');
});

test('without the set-up, the engine runs on the configured interpreter', async () => {
  expect(load(await folderWith('python: /usr/bin/python3.11\n')).config.enginePython).toBe(
    '/usr/bin/python3.11',
  );
});
