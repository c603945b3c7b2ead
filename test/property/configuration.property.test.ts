import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { ConfigError, loadConfig, type Config } from '../../src/config/config.ts';
import type { SettingKey } from '../../src/config/settings.ts';
import { healthSchema } from '../../src/http/openapi/schemas.ts';
import { call, ended, form, parseProblem, parseResults, submit, waitForTask } from '../support/client.ts';
import { runMain, startMain } from '../support/mainProcess.ts';
import { sendRaw } from '../support/rawHttp.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';
import { makeCheckpoint, makeYaml, putFile } from '../unit/models/modelFolder.ts';

// Every run starts servers and workers, which takes its time beside other tests.
vi.setConfig({ testTimeout: 90_000 });

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'msst-serve-config-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function load(name: string, content: string) {
  writeFileSync(path.join(folder, name), content);
  return loadConfig({ argv: ['--config', name], env: {}, cwd: folder, projectRoot: '/srv/msst-serve' });
}

/** A value as a file writes it, with what the server must make of it. */
type Meaning = [written: unknown, meant: unknown];

const asItIs = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<Meaning> => values.map((each) => [each, each]);
const text = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/);
const hours = fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.constantFrom(0.5, 1.25, 30.5));
const size = (most: number): fc.Arbitrary<Meaning> =>
  fc.oneof(
    fc.integer({ min: 1, max: most }).map((bytes): Meaning => [bytes, bytes]),
    fc.integer({ min: 1, max: 999 }).map((n): Meaning => [`${String(n)}MB`, n * 1e6]),
    fc.integer({ min: 1, max: 999 }).map((n): Meaning => [`${String(n)} KiB`, n * 1024]),
  );
const sha256 = (key: string) => createHash('sha256').update(key).digest('hex');
const key = fc.stringMatching(/^[A-Za-z0-9!#$%&*+/=?^_-]{16,40}$/);
const apiKeys: fc.Arbitrary<Meaning> = fc
  .uniqueArray(fc.record({ name: text, key, form: fc.constantFrom('plain', 'named', 'hashed') }), {
    minLength: 1,
    maxLength: 4,
    comparator: (a, b) => a.name === b.name || a.key === b.key,
  })
  .map((entries): Meaning => [
    entries.map((entry) => {
      if (entry.form === 'plain') return entry.key;
      return entry.form === 'named'
        ? { name: entry.name, key: entry.key }
        : { name: entry.name, sha256: sha256(entry.key).toUpperCase() };
    }),
    entries.map((entry) => ({ name: entry.form === 'plain' ? null : entry.name, sha256: sha256(entry.key) })),
  ]);

/** What each key may be given as, and where the configuration then holds it. */
const SETTINGS: Record<string, { property: keyof Config; values: fc.Arbitrary<Meaning> }> = {
  host: { property: 'host', values: asItIs(fc.oneof(fc.ipV4(), text)) },
  port: { property: 'port', values: asItIs(fc.integer({ min: 0, max: 65_535 })) },
  max_file_size: { property: 'maxFileSizeBytes', values: size(2_000_000_000) },
  worker_threads: {
    property: 'workerThreads',
    values: asItIs(fc.oneof(fc.constant('auto'), fc.integer({ min: 1, max: 64 }))),
  },
  cleanup_retention_hours: { property: 'cleanupRetentionHours', values: asItIs(hours) },
  failed_retention_hours: { property: 'failedRetentionHours', values: asItIs(hours) },
  default_model_type: { property: 'defaultModelType', values: asItIs(text) },
  api_keys: { property: 'apiKeys', values: apiKeys },
  enable_rate_limit: { property: 'enableRateLimit', values: asItIs(fc.boolean()) },
  requests_per_hour: { property: 'requestsPerHour', values: asItIs(fc.integer({ min: 1, max: 1_000_000 })) },
  max_queue_size: { property: 'maxQueueSize', values: asItIs(fc.integer({ min: 1, max: 1_000_000 })) },
  task_max_attempts: { property: 'taskMaxAttempts', values: asItIs(fc.integer({ min: 1, max: 20 })) },
  trust_proxy: { property: 'trustProxy', values: asItIs(fc.boolean()) },
  log_level: { property: 'logLevel', values: asItIs(fc.constantFrom('debug', 'info', 'warn', 'silent')) },
  min_free_disk: { property: 'minFreeDiskBytes', values: size(1e12) },
  reserve_disk: { property: 'reserveDiskBytes', values: size(1e12) },
  shutdown_timeout_seconds: {
    property: 'shutdownTimeoutSeconds',
    values: fc
      .integer({ min: 0, max: 99 })
      .chain((n) => fc.constantFrom<Meaning>([n, n], [`${String(n)}s`, n], [`${String(n)}m`, n * 60])),
  },
};
const DEFAULTS: Record<string, unknown> = {
  host: '127.0.0.1',
  port: 8000,
  max_file_size: 500e6,
  worker_threads: 'auto',
  cleanup_retention_hours: 24,
  failed_retention_hours: 24,
  default_model_type: null,
  api_keys: [],
  enable_rate_limit: false,
  requests_per_hour: 1000,
  max_queue_size: 1000,
  task_max_attempts: 3,
  trust_proxy: false,
  log_level: 'info',
  min_free_disk: 10e9,
  reserve_disk: 1e9,
  shutdown_timeout_seconds: 30,
};

/** Some keys with their values; rows are kept longer than any file of them. */
const someSettings = fc
  .subarray(Object.entries(SETTINGS))
  .chain((chosen) =>
    fc.tuple(...chosen.map(([name, { values }]) => values.map((meaning) => ({ name, meaning })))),
  )
  .map((given) => ({
    written: {
      metadata_retention_hours: 2000,
      ...Object.fromEntries(given.map(({ name, meaning }) => [name, meaning[0]])),
    },
    meant: Object.fromEntries(given.map(({ name, meaning }) => [name, meaning[1]])),
  }));

const writers: Record<string, (settings: object) => string> = {
  'it.yaml': (settings) => stringify(settings),
  'it.yml': (settings) => `# flow style\n${stringify(settings, { collectionStyle: 'flow' })}`,
  'it.json': (settings) => JSON.stringify(settings, null, 1),
};

test('Property 40: a YAML file and a JSON file give every setting they name, and the defaults for all others', () => {
  fc.assert(
    fc.property(someSettings, fc.constantFrom(...Object.keys(writers)), ({ written, meant }, name) => {
      const { config, warnings } = load(name, writers[name]?.(written) ?? '');
      expect(warnings).toEqual([]);
      for (const [setting, { property }] of Object.entries(SETTINGS)) {
        const expected = setting in meant ? meant[setting] : DEFAULTS[setting];
        expect([setting, config[property]]).toEqual([setting, expected]);
      }
    }),
    { numRuns: 150 },
  );
});

/** What a running server shows of its settings, with as little as can be asked of it. */
async function shownBy(url: string) {
  const models = await call(`${url}/api/v1/models`);
  const health = healthSchema.parse((await call(`${url}/api/v1/health`)).body);
  const names = (models.body as { models?: { model_type: string; default: boolean }[] }).models ?? [];
  // Refused by its length alone, before anything of it is sent.
  const head = [
    'POST /api/v1/separate HTTP/1.1',
    'Host: localhost',
    'Content-Type: multipart/form-data; boundary=x',
    `Content-Length: ${String(3e9)}`,
    'Connection: close',
  ];
  const [tooLarge] = await sendRaw(url, [`${head.join('\r\n')}\r\n\r\n`]);
  return {
    host: new URL(url).hostname,
    models: models.status,
    default_model_type: names.find((model) => model.default)?.model_type,
    requests_per_hour: models.headers.get('x-ratelimit-limit'),
    min_free_disk: health.dependencies.disk.minimum_bytes,
    max_file_size: /at most (\d+) bytes/.exec(tooLarge?.body ?? '')?.[1],
  };
}
const SHOWN_DEFAULTS = {
  host: '127.0.0.1',
  models: 200,
  default_model_type: 'starter',
  requests_per_hour: null,
  min_free_disk: 10e9,
  max_file_size: '500000000',
};

test('Property 40: a server that was started with a YAML or a JSON file works as that says, and by the defaults in all else', async () => {
  const given = fc.record(
    {
      enable_auth: fc.constant(true),
      max_file_size: fc.integer({ min: 1, max: 900 }),
      requests_per_hour: fc.integer({ min: 20, max: 9999 }),
      min_free_disk: fc.integer({ min: 1, max: 99_999 }),
    },
    { requiredKeys: [] },
  );
  const everyForm = fc.tuple(
    ...['it.yaml', 'it.json'].map((name) => given.map((values) => ({ name, values }))),
  );
  await fc.assert(
    fc.asyncProperty(everyForm, async (forms) => {
      for (const { name, values } of forms) {
        const { enable_auth, max_file_size, requests_per_hour, min_free_disk } = values;
        const cwd = await mkdtemp(path.join(folder, 'started-'));
        const settings = {
          ...{ port: 0, data_dir: 'its-data', devices: ['cpu'] },
          ...(enable_auth === undefined ? {} : { enable_auth, api_keys: ['a-key-of-16-characters'] }),
          ...(max_file_size === undefined ? {} : { max_file_size: `${String(max_file_size)}MB` }),
          ...(requests_per_hour === undefined ? {} : { enable_rate_limit: true, requests_per_hour }),
          ...(min_free_disk === undefined ? {} : { min_free_disk: `${String(min_free_disk)} KiB` }),
        };
        await writeFile(path.join(cwd, name), writers[name]?.(settings) ?? '');
        const main = await startMain(['--config', name], cwd);
        try {
          expect(main.log.filter(({ level }) => level === 40)).toEqual([]);
          const shown = await shownBy(main.url);
          expect([name, shown]).toEqual([
            name,
            {
              ...SHOWN_DEFAULTS,
              ...(enable_auth === undefined
                ? max_file_size !== undefined && { max_file_size: String(max_file_size * 1e6) }
                : { models: 401, default_model_type: undefined, max_file_size: undefined }),
              ...(requests_per_hour !== undefined && { requests_per_hour: String(requests_per_hour) }),
              ...(min_free_disk !== undefined && { min_free_disk: min_free_disk * 1024 }),
            },
          ]);
          expect(await readdir(path.join(cwd, 'its-data'))).toContain('tasks.db');
        } finally {
          await main.end();
        }
      }
    }),
    { numRuns: 1, endOnFailure: true },
  );
});

test('Property 41: a server without its file works by the defaults, over HTTP, and has warned once', async () => {
  const cwd = await mkdtemp(path.join(folder, 'started-'));
  const main = await startMain(['--config', 'none.yaml', '--port', '0', '--data-dir', 'd'], cwd);
  try {
    expect(await shownBy(main.url)).toEqual(SHOWN_DEFAULTS);
    const warned = main.log.filter(({ level, msg }) => level === 40 && String(msg).includes('none.yaml'));
    expect(warned).toMatchObject([{ msg: expect.stringContaining('authentication is off') as string }]);
    expect(await readdir(cwd)).toEqual(['d']);
  } finally {
    await main.end();
  }
});

test('Property 41: without a file the server has sensible defaults and warns once, naming the path', async () => {
  const loaded = [
    loadConfig({ argv: [], env: {}, cwd: folder, projectRoot: '/srv/msst-serve' }),
    loadConfig({ argv: ['--config', 'none.yaml'], env: {}, cwd: folder, projectRoot: '/srv/msst-serve' }),
  ];
  for (const [at, { config, warnings }] of loaded.entries()) {
    for (const [setting, { property }] of Object.entries(SETTINGS)) {
      expect([setting, config[property]]).toEqual([setting, DEFAULTS[setting]]);
    }
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(path.join(folder, at === 0 ? 'config.yaml' : 'none.yaml'));
  }
  // The process itself: it gets as far as its port, which is taken here so that it ends.
  const other = await startTestServer();
  onTestFinished(() => other.dispose());
  const args = [
    '--config',
    'none.yaml',
    '--port',
    new URL(other.url).port,
    '--data-dir',
    path.join(folder, 'd'),
  ];
  const { exitCode, stdout } = await runMain(args, folder);
  const warned = stdout
    .split('\n')
    .filter((line) => line.includes('"level":40') && line.includes('none.yaml'));
  expect([exitCode, warned.length]).toEqual([1, 1]);
  expect(stdout).toContain('is in use');
});

/** What no key of that name may be. */
const WRONG: Record<string, fc.Arbitrary<unknown>> = {
  host: fc.constantFrom('', 1, [], true),
  port: fc.oneof(
    fc.integer({ min: 65_536 }),
    fc.integer({ max: -1 }),
    fc.constantFrom('http', 1.5, true, {}),
  ),
  max_file_size: fc.constantFrom('500 XB', '-1MB', 0, 'big', [], '1e3', true),
  worker_threads: fc.oneof(fc.integer({ max: 0 }), fc.integer({ min: 65 }), fc.constantFrom('many', 1.5, [])),
  cleanup_retention_hours: fc.oneof(fc.integer({ max: 0 }), fc.constantFrom('a day', [], true)),
  default_model_type: fc.constantFrom('', 1, ['starter']),
  enable_auth: fc.constantFrom('yes please', 1, [], 'true'),
  api_keys: fc.constantFrom('a-key-that-is-no-list', { name: 'ann' }, 7),
  enable_rate_limit: fc.constantFrom('on and off', 0, []),
  requests_per_hour: fc.oneof(fc.integer({ max: 0 }), fc.constantFrom('1000/h', 2.5, [])),
  log_level: fc.constantFrom('loud', 3, ''),
  devices: fc.constantFrom([], 'gpu', [1], 0),
  public_url: fc.constantFrom('ftp://a', 'localhost', 1),
};
const mistakes = fc
  .record(WRONG, { requiredKeys: [] })
  .chain((values) =>
    fc.record({
      values: fc.constant(values as Record<string, unknown>),
      unknown: fc.uniqueArray(fc.stringMatching(/^x_[a-z]{3,8}$/), { maxLength: 2 }),
    }),
  )
  .filter(({ values, unknown }) => Object.keys(values).length + unknown.length > 0)
  .map(({ values, unknown }) => ({
    ...values,
    ...Object.fromEntries(unknown.map((name) => [name, 1])),
  }));

/** One problem for each of these keys, and none beside. */
function expectProblems(problems: readonly string[], wrong: Record<string, unknown>): void {
  const named = problems.map((problem) => problem.slice(0, problem.indexOf(':')));
  expect([...named].sort()).toEqual(Object.keys(wrong).sort());
  for (const problem of problems) expect(problem).toMatch(/allowed: |did you mean /);
}

test('Property 42: whatever is wrong in a file is told, all of it at once, and the server does not start', async () => {
  fc.assert(
    fc.property(mistakes, fc.constantFrom(...Object.keys(writers)), (wrong, name) => {
      let thrown: unknown;
      try {
        load(name, writers[name]?.(wrong) ?? '');
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(ConfigError);
      expectProblems((thrown as ConfigError).problems, wrong);
    }),
    { numRuns: 150 },
  );

  await fc.assert(
    fc.asyncProperty(mistakes, fc.constantFrom(...Object.keys(writers)), async (wrong, name) => {
      const cwd = await mkdtemp(path.join(folder, 'process-'));
      await writeFile(path.join(cwd, name), writers[name]?.({ data_dir: 'data', ...wrong }) ?? '');
      const { exitCode, stdout, stderr } = await runMain(['--config', name], cwd);
      expect([exitCode, stdout]).toEqual([1, '']);
      const lines = stderr.trimEnd().split('\n');
      expectProblems(
        lines.map((line) => {
          const { level, msg, problem } = JSON.parse(line) as Record<string, unknown>;
          expect([level, msg]).toEqual([60, 'the configuration cannot be used']);
          return problem as string;
        }),
        wrong,
      );
      expect(await readdir(cwd)).toEqual([name]);
    }),
    { numRuns: 3, endOnFailure: true },
  );
});

test('Property 43: what the configuration sets is what the running server does', async () => {
  const msst = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-config-'));
  onTestFinished(() => rm(msst, { recursive: true, force: true }));
  for (const name of ['a', 'b']) {
    await putFile(path.join(msst, `configs/config_${name}.yaml`), makeYaml({ modelType: 'mdx23c' }));
    await putFile(path.join(msst, `pretrain/${name}.ckpt`), makeCheckpoint());
  }
  const song = makeWav(0.5, 8000);
  const settings = fc.record({
    host: fc.constantFrom('127.0.0.1', 'localhost'),
    more: fc.integer({ min: 0, max: 500 }),
    cleanup_retention_hours: hours,
    default_model_type: fc.constantFrom('a', 'b', 'starter'),
    worker_threads: fc.constantFrom('auto', 1, 8),
    key,
    enable_auth: fc.boolean(),
    enable_rate_limit: fc.boolean(),
    requests_per_hour: fc.integer({ min: 50, max: 5000 }),
  });
  await fc.assert(
    fc.asyncProperty(settings, async ({ more, key: ownKey, ...given }) => {
      const { server, port } = await startOnAPort({
        ...given,
        msst_root: msst,
        metadata_retention_hours: 2000,
        max_file_size: song.byteLength + more,
        api_keys: [{ name: 'ann', key: ownKey }],
      });
      try {
        await expectAsSet(server, given, { ownKey, song, more, port });
      } finally {
        await server.dispose();
      }
    }),
    { numRuns: 4, endOnFailure: true },
  );
});

/** Starts a server on a port that is configured; on another one if somebody else took it meanwhile. */
async function startOnAPort(
  settings: Record<string, unknown>,
): Promise<{ server: TestServer; port: number }> {
  for (;;) {
    const port = await freePort();
    try {
      return { server: await startTestServer({ ...settings, port }), port };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}

/** A port that nobody listens on at this moment. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

async function expectAsSet(
  server: TestServer,
  given: {
    enable_auth: boolean;
    enable_rate_limit: boolean;
    requests_per_hour: number;
    default_model_type: string;
    cleanup_retention_hours: number;
  },
  { ownKey, song, more, port }: { ownKey: string; song: Buffer; more: number; port: number },
): Promise<void> {
  expect(server.url).toMatch(/^http:\/\/(127\.0\.0\.1|\[::1\]):/);
  expect(new URL(server.url).port).toBe(String(port));
  const stranger = await call(`${server.url}/api/v1/models`);
  expect(stranger.status).toBe(given.enable_auth ? 401 : 200);
  expect(stranger.headers.get('x-ratelimit-limit')).toBe(
    given.enable_rate_limit ? String(given.requests_per_hour) : null,
  );

  const headers = { authorization: `Bearer ${ownKey}` };
  const ask = (at: string, init: RequestInit = {}) => call(`${server.url}/api/v1${at}`, { ...init, headers });
  const post = (bytes: Buffer) => ask('/separate', { method: 'POST', body: form({}, { bytes }) });
  const tooMuch = await post(Buffer.concat([song, Buffer.alloc(more + 1)]));
  expect([tooMuch.status, parseProblem(tooMuch.body).error.code]).toEqual([400, 'FILE_TOO_LARGE']);
  const full = await post(Buffer.concat([song, Buffer.alloc(more)]));
  expect(full).toMatchObject({ status: 201, body: { model_type: given.default_model_type } });

  const { task_id } = full.body as { task_id: string };
  const task = () => ask(`/tasks/${task_id}`);
  await expect
    .poll(async () => (await task()).body, { timeout: 10_000 })
    .toMatchObject({ status: 'completed' });
  const { completed_at } = (await task()).body as { completed_at: string };
  const { expires_at } = parseResults((await ask(`/tasks/${task_id}/results`)).body);
  const keptMs = Date.parse(expires_at) - Date.parse(completed_at);
  expect(keptMs).toBe(given.cleanup_retention_hours * 3_600_000);
  const { workers } = (await ask('/metrics')).body as { workers: { device: string }[] };
  expect(workers.map(({ device }) => device)).toEqual(['cpu']);
}

test('Property 44: a configuration file that changes changes nothing until the server is started again', async () => {
  const song = makeWav(0.5, 8000);
  const before = { enable_rate_limit: true, requests_per_hour: 500, cleanup_retention_hours: 5 };
  const after = {
    enable_rate_limit: true,
    requests_per_hour: 700,
    cleanup_retention_hours: 9,
    max_file_size: 10,
  };
  const first = await startTestServer(before);
  onTestFinished(() => first.dispose());
  const limit = async ({ url }: TestServer) =>
    (await call(`${url}/api/v1/models`)).headers.get('x-ratelimit-limit');
  const keptHours = async ({ url }: TestServer, taskId: string) => {
    const { completed_at } = await waitForTask(url, taskId, ended);
    const { expires_at } = parseResults((await call(`${url}/api/v1/tasks/${taskId}/results`)).body);
    return (Date.parse(expires_at) - Date.parse(completed_at ?? '')) / 3_600_000;
  };

  const file = path.join(first.dataDir, 'config.json');
  await writeFile(file, JSON.stringify({ port: 0, data_dir: '.', devices: ['cpu'], ...after }));
  const { task_id } = await submit(first.url, form({}, { bytes: song }));
  expect([await limit(first), await keptHours(first, task_id)]).toEqual(['500', 5]);
  await first.stop();

  const second = await startTestServer(after, first.dataDir);
  onTestFinished(() => second.dispose());
  expect([await limit(second), await keptHours(second, task_id)]).toEqual(['700', 9]);
  const refused = await call(`${second.url}/api/v1/separate`, {
    method: 'POST',
    body: form({}, { bytes: song }),
  });
  expect(parseProblem(refused.body).error.code).toBe('FILE_TOO_LARGE');
});

/** Of every key, a value that it cannot have. */
const NEVER: Record<SettingKey, unknown> = {
  host: '',
  port: 65_536,
  public_url: 'ftp://a',
  cors_origins: ['*'],
  enable_auth: 'yes',
  api_keys: 'a-key-that-is-no-list',
  enable_rate_limit: 1,
  requests_per_hour: 0,
  trust_proxy: 'yes',
  data_dir: '',
  max_file_size: '500 XB',
  max_audio_duration: 'long',
  max_queue_size: 0,
  worker_threads: 'many',
  devices: [],
  task_max_attempts: 0,
  cleanup_retention_hours: -1,
  failed_retention_hours: 0,
  metadata_retention_hours: '7 days',
  default_model_type: 1,
  preload_models: 'starter',
  model_idle_unload_seconds: -5,
  log_level: 'loud',
  log_file: 7,
  log_max_size: '0',
  log_max_files: 1.5,
  shutdown_timeout_seconds: 'soon',
  min_free_disk: -1,
  reserve_disk: 'much',
  msst_root: [],
  extra_model_dirs: '/tmp',
  engine_extras: ['--index-url=https://example.org'],
  python: '',
  models: 'all',
};

test('Property 42: every key refuses what it cannot be, by its own name, each beside all others', async () => {
  const problemsOf = (content: string) => {
    try {
      load('it.json', content);
    } catch (error) {
      if (error instanceof ConfigError) return error.problems;
      throw error;
    }
    return [];
  };
  for (const [key, value] of Object.entries(NEVER)) {
    const problems = problemsOf(JSON.stringify({ [key]: value }));
    expect([key, problems.filter((problem) => problem.startsWith(`${key}: `))]).toEqual([key, problems]);
    expect(problems, key).toHaveLength(1);
  }
  const { api_keys: _keys, ...wrong } = NEVER;
  expectProblems(problemsOf(JSON.stringify(wrong)), wrong);

  // A file that is no configuration at all is no missing one.
  for (const content of ['{"port": 1,', '[1, 2]', '"text"', 'null and void']) {
    expect(problemsOf(content), content).toHaveLength(1);
  }
  const cwd = await mkdtemp(path.join(folder, 'process-'));
  await writeFile(path.join(cwd, 'it.yaml'), 'port: [1\nhost: {');
  const { exitCode, stdout, stderr } = await runMain(['--config', 'it.yaml'], cwd);
  expect(exitCode).toBe(1);
  expect(stdout + stderr).toContain('it.yaml');
  expect(await readdir(cwd)).toEqual(['it.yaml']);
});
