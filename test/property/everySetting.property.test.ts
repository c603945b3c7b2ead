/** Every key of the configuration, set to what no default is, and what the running server then does. */
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { settingKeys, type SettingKey } from '../../src/config/settings.ts';
import { healthSchema, metricsSchema, taskSchema } from '../../src/http/openapi/schemas.ts';
import { call, ended, form, parseProblem, parseResults, type WireTask } from '../support/client.ts';
import { listModels, type ListedModels } from '../support/listedModels.ts';
import { pretendGpus, type PretendedGpus } from '../support/pretendedGpus.ts';
import { standInsOf } from '../support/standIn/standIns.ts';
import { eventually, passSeconds, stopClocks } from '../support/stoppedClock.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';
import { makeCheckpoint, makeYaml, putFile } from '../unit/models/modelFolder.ts';

vi.setConfig({ testTimeout: 120_000 });

const KEY = 'the-key-of-ann-0123456789';
const HOUR = 3600;
const LOG_BYTES = 20_000;
const song = makeWav(1, 8000);

let gpus: PretendedGpus;
let models: ListedModels;
let msst: string;
let home: string;
let server: TestServer;
let done: WireTask;
let failed: WireTask;

/** Whichever are not here are taken from it; two are told by what else they do. */
const settings = (): Partial<Record<SettingKey, unknown>> => ({
  // Any address of 127.0.0.0/8 is this machine on Linux.
  host: process.platform === 'linux' ? '127.0.0.2' : '127.0.0.1',
  port: 0,
  public_url: 'https://stems.example/under',
  cors_origins: ['https://page.example'],
  enable_auth: true,
  api_keys: [{ name: 'ann', key: KEY }],
  enable_rate_limit: true,
  requests_per_hour: 4321,
  trust_proxy: true,
  data_dir: 'inner',
  max_file_size: 100_000,
  max_audio_duration: 5,
  max_queue_size: 1,
  devices: ['GPU-0b'],
  worker_threads: 2,
  task_max_attempts: 1,
  cleanup_retention_hours: 3,
  failed_retention_hours: 5,
  metadata_retention_hours: 9,
  models: models.entries,
  msst_root: msst,
  extra_model_dirs: [path.join(msst, 'of another tool')],
  default_model_type: 'listed',
  preload_models: ['listed'],
  model_idle_unload_seconds: 50,
  log_level: 'debug',
  log_file: 'else/where.log',
  log_max_size: LOG_BYTES,
  log_max_files: 2,
  min_free_disk: '3MB',
});

beforeAll(async () => {
  stopClocks();
  gpus = await pretendGpus();
  await gpus.set(['GPU-0a', 'GPU-0b']);
  models = await listModels({ listed: { modelType: 'mdx23c' } });
  msst = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-msst-'));
  await putFile(path.join(msst, 'configs/config_scanned.yaml'), makeYaml({ modelType: 'mdx23c' }));
  await putFile(path.join(msst, 'pretrain/scanned.ckpt'), makeCheckpoint());
  await putFile(path.join(msst, 'of another tool/extra.yaml'), makeYaml({ modelType: 'mdx23c' }));
  await putFile(path.join(msst, 'of another tool/extra.ckpt'), makeCheckpoint());
  home = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-test-'));
  server = await startTestServer(settings(), home);
});
afterAll(async () => {
  await server.dispose();
  vi.useRealTimers();
  await models.dispose();
  await gpus.remove();
  await rm(msst, { recursive: true, force: true });
});

const authorization = `Bearer ${KEY}`;
type Asked = Omit<RequestInit, 'headers'> & { headers?: Record<string, string> };
const api = (at: string, { headers, ...init }: Asked = {}) =>
  call(`${server.url}/api/v1${at}`, { ...init, headers: { authorization, ...headers } });
const post = (bytes: Buffer) => api('/separate', { method: 'POST', body: form({}, { bytes }) });
const codeOf = async (answer: ReturnType<typeof call>) => parseProblem((await answer).body).error.code;
const find = async ({ task_id }: WireTask) => taskSchema.parse((await api(`/tasks/${task_id}`)).body);
const separated = async (...plan: string[]) => {
  await server.plan(...plan);
  const { task_id } = taskSchema.parse((await post(song)).body);
  return eventually(async () => {
    const task = taskSchema.parse((await api(`/tasks/${task_id}`)).body);
    expect(ended(task)).toBe(true);
    return task;
  });
};
const health = async () => healthSchema.parse((await api('/health')).body);
const logged = async () => {
  const text = await readFile(path.join(home, 'else/where.log'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
};
const wasLogged = (facts: Record<string, unknown>) =>
  eventually(async () => {
    expect(await logged()).toContainEqual(expect.objectContaining(facts));
  });
/** The same server, started anew so many hours later: a start cleans up. */
const startLater = async (hours: number) => {
  await server.stop();
  passSeconds(hours * HOUR);
  server = await startTestServer(settings(), home);
};

/** What shows that a key is heeded, in the order in which it is looked at; or the test elsewhere that shows it. */
const SHOWN: Record<SettingKey, string | (() => Promise<void>)> = {
  log_file: () => wasLogged({ msg: 'startup recovery finished' }),
  preload_models: () => wasLogged({ msg: 'model loaded', model: 'listed' }),
  log_level: () => wasLogged({ level: 20 }),
  model_idle_unload_seconds: async () => {
    passSeconds(49);
    expect((await logged()).map(({ msg }) => msg)).not.toContain('models unloaded');
    passSeconds(2);
    await wasLogged({ msg: 'models unloaded', models: ['listed'] });
  },
  host: async () => {
    const { hostname, port } = new URL(server.url);
    expect(hostname).toBe(settings().host);
    if (hostname === '127.0.0.2')
      await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow('fetch failed');
  },
  port: async () => {
    const { hostname: host, port } = new URL(server.url);
    const other = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-test-'));
    onTestFinished(() => rm(other, { recursive: true, force: true }));
    await expect(startTestServer({ host, port: Number(port) }, other)).rejects.toThrow(`${host}:${port}`);
  },
  enable_auth: async () => {
    expect((await call(`${server.url}/api/v1/models`)).status).toBe(401);
  },
  api_keys: async () => {
    expect((await api('/models')).status).toBe(200);
  },
  enable_rate_limit: async () => {
    expect((await api('/models')).headers.get('x-ratelimit-remaining')).toMatch(/^\d+$/);
  },
  requests_per_hour: async () => {
    expect((await api('/models')).headers.get('x-ratelimit-limit')).toBe('4321');
  },
  trust_proxy: async () => {
    for (const address of ['192.0.2.1', '192.0.2.2']) {
      const { headers } = await call(`${server.url}/api/v1/models`, {
        headers: { 'x-forwarded-for': address },
      });
      expect([address, headers.get('x-ratelimit-remaining')]).toEqual([address, '4320']);
    }
  },
  cors_origins: async () => {
    const { headers } = await api('/models', { headers: { origin: 'https://page.example' } });
    expect(headers.get('access-control-allow-origin')).toBe('https://page.example');
  },
  data_dir: async () => {
    expect(await readdir(path.join(home, 'inner'))).toContain('tasks.db');
  },
  min_free_disk: async () => {
    expect((await health()).dependencies.disk.minimum_bytes).toBe(3e6);
  },
  reserve_disk:
    'integration/reserveDisk.test.ts > below reserve_disk no upload is taken, with a sentence, and everything else is as ever',
  models: async () => {
    expect((await api('/models/listed')).status).toBe(200);
  },
  msst_root: async () => {
    expect((await api('/models/scanned')).status).toBe(200);
  },
  extra_model_dirs: async () => {
    expect((await api('/models/extra')).status).toBe(200);
  },
  devices: async () => {
    const { workers } = metricsSchema.parse((await api('/metrics')).body);
    expect(new Set(workers.map(({ device }) => device))).toEqual(new Set(['GPU-0b']));
  },
  worker_threads: async () => {
    expect(metricsSchema.parse((await api('/metrics')).body).workers).toHaveLength(2);
  },
  max_file_size: async () => {
    expect(await codeOf(post(Buffer.concat([song, Buffer.alloc(100_001 - song.length)])))).toBe(
      'FILE_TOO_LARGE',
    );
    expect((await post(Buffer.concat([song, Buffer.alloc(100_000 - song.length)]))).status).toBe(201);
    await eventually(async () => {
      expect((await api('/tasks?status=completed')).body).toMatchObject({ tasks: [{}] });
    });
  },
  max_audio_duration: async () => {
    expect(await codeOf(post(makeWav(6, 1000)))).toBe('AUDIO_TOO_LONG');
  },
  max_queue_size: async () => {
    await server.plan();
    await standInsOf(server).hold('separating');
    const running = taskSchema.parse((await post(song)).body);
    await eventually(async () => {
      expect((await find(running)).progress.stage).toBe('separating');
    });
    // Two workers share a GPU that nobody has measured: one task at a time.
    expect((await post(song)).status).toBe(201);
    expect(await codeOf(post(song))).toBe('QUEUE_FULL');
    await standInsOf(server).release();
    await eventually(async () => {
      expect(metricsSchema.parse((await api('/metrics')).body)).toMatchObject({
        active_tasks: 0,
        queued_tasks: 0,
      });
    });
  },
  default_model_type: async () => {
    done = await separated('ok');
    expect(done).toMatchObject({ status: 'completed', model_type: 'listed' });
  },
  public_url: () => {
    expect(done.links.self).toBe(`https://stems.example/under/api/v1/tasks/${done.task_id}`);
    return Promise.resolve();
  },
  task_max_attempts: async () => {
    failed = await separated('die', 'ok');
    expect(failed).toMatchObject({ status: 'failed', attempts: 1 });
  },
  cleanup_retention_hours: async () => {
    const { expires_at } = parseResults((await api(`/tasks/${done.task_id}/results`)).body);
    expect(Date.parse(expires_at) - Date.parse(done.completed_at ?? '')).toBe(3 * HOUR * 1000);
    await startLater(4);
    expect(await codeOf(api(`/tasks/${done.task_id}/results`))).toBe('RESULTS_EXPIRED');
  },
  failed_retention_hours: async () => {
    const inputs = () => readdir(path.join(home, 'inner/inputs'));
    await eventually(async () => {
      expect(await inputs()).toHaveLength(1);
    });
    await startLater(2);
    await eventually(async () => {
      expect(await inputs()).toEqual([]);
    });
    expect((await find(failed)).error?.code).toBe('WORKER_CRASHED');
  },
  metadata_retention_hours: async () => {
    expect((await find(done)).status).toBe('completed');
    await startLater(4);
    await eventually(async () => {
      expect((await api(`/tasks/${done.task_id}`)).status).toBe(404);
    });
  },
  log_max_size: async () => {
    for (let n = 0; n < 300; n += 1) await api('/models/none');
    const files = await readdir(path.join(home, 'else'));
    for (const name of files) {
      expect((await stat(path.join(home, 'else', name))).size).toBeLessThanOrEqual(LOG_BYTES);
    }
  },
  log_max_files: async () => {
    expect(await readdir(path.join(home, 'else'))).toHaveLength(2);
  },
  shutdown_timeout_seconds: 'e2e/lifecycle.test.ts > gives back what does not end in time',
  engine_extras:
    'setup/interpreters.test.ts > engine_extras are put into the environment beside the torch that is there',
  python: 'unit/config/config.test.ts > without the set-up, the engine runs on the configured interpreter',
};

test('Property 43: every key of the configuration is heeded by the running server', async () => {
  expect(Object.keys(SHOWN).sort()).toEqual([...settingKeys].sort());
  for (const [key, shown] of Object.entries(SHOWN)) {
    if (typeof shown === 'string') {
      const [file = '', name = ''] = shown.split(' > ');
      expect(await readFile(path.join('test', file), 'utf8'), key).toContain(name);
      continue;
    }
    await shown().catch((error: unknown) => {
      throw new Error(`${key} is not heeded`, { cause: error });
    });
  }
});
