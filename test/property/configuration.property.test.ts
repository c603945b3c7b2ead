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
import { ConfigError, loadConfig, type Config } from '../../src/config.ts';
import { call, ended, form, parseProblem, parseResults, submit, waitForTask } from '../support/client.ts';
import { runMain } from '../support/mainProcess.ts';
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
      const port = await freePort();
      const server = await startTestServer({
        ...given,
        port,
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

/** A port that nobody listens on. */
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
