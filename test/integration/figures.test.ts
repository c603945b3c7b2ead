/** Every figure that is shown, held against one that the test planned or measured itself: the clocks stand still but for it. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { healthSchema, metricsSchema } from '../../src/http/openapi/schemas.ts';
import { call, ended, form, getTask, parseResults, submit, type WireTask } from '../support/client.ts';
import { misbehavingChild } from '../support/childCommand.ts';
import { fetchDocument } from '../support/openApi.ts';
import { parseSamples } from '../support/prometheus.ts';
import { familyOf, numbersIn, numbersOf } from '../support/shownFigures.ts';
import { uploadSlowly } from '../support/slowUpload.ts';
import { standInsOf } from '../support/standIn/standIns.ts';
import { eventually, passSeconds, stopClocks } from '../support/stoppedClock.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { toldCall, type ToldCall } from '../support/toldWorker.ts';
import { makeWav } from '../support/wav.ts';

const HERE = 'integration/figures.test.ts';
const TIMES = `${HERE} > the percent, the remaining time and the times of a task`;
const ESTIMATE = `${HERE} > the estimate for the next task follows from what the last one took`;
const COUNTS = `${HERE} > counts, averages and the time since the start`;
const DURATION = `${HERE} > a request is logged and counted with the time it took`;
const FILES = `${HERE} > of a file the length, the hash and the shape`;
const DISK = `${HERE} > the free disk is what df says`;
const RESTART = `${HERE} > after a restart the totals go on`;
const METRICS = 'integration/metrics.test.ts > count what happened, the same in both forms';
const STEMS = 'property/results.property.test.ts > Property 18';
const HEALTH = 'property/health.property.test.ts > Property 35';
const PARAMETERS = 'property/submission.property.test.ts > Property 3';
const INPUT = 'property/submission.property.test.ts > Property 2';
const RATES = 'property/access.property.test.ts > Property 33';
const REQUESTS = 'property/logging.property.test.ts > Property 39';

/** Which test holds each figure against the truth. A new one needs a test, and its line here. */
const PROOFS: Record<string, string> = {
  'Health.dependencies.disk.free_bytes': DISK,
  'Health.dependencies.disk.minimum_bytes': 'property/health.property.test.ts > Property 36',
  'Health.dependencies.models.available': HEALTH,
  'Health.uptime_seconds': COUNTS,
  'Metrics.active_tasks': METRICS,
  'Metrics.average_processing_seconds': COUNTS,
  'Metrics.cancelled_tasks': COUNTS,
  'Metrics.completed_tasks': COUNTS,
  'Metrics.failed_tasks': COUNTS,
  'Metrics.queued_tasks': METRICS,
  'Metrics.uptime_seconds': COUNTS,
  'Mixture.bytes': FILES,
  'Mixture.channels': INPUT,
  'Mixture.duration_seconds': INPUT,
  'Mixture.sample_rate': INPUT,
  'Model.sample_rate': 'property/modelList.property.test.ts > Property 51',
  'Parameters.batch_size': PARAMETERS,
  'Parameters.bigshifts': PARAMETERS,
  'Parameters.num_overlap': PARAMETERS,
  'Problem.status': 'property/errors.property.test.ts > Property 26',
  'Progress.eta_seconds': ESTIMATE,
  'Progress.percent': TIMES,
  'Stem.bytes': FILES,
  'Stem.channels': STEMS,
  'Stem.clipped_samples': STEMS,
  'Stem.duration_seconds': STEMS,
  'Stem.peak': STEMS,
  'Stem.sample_rate': STEMS,
  'Task.attempts': 'property/taskStatus.property.test.ts > Property 7',
  'Task.processing_seconds': TIMES,
  'Task.queue_position': 'property/submission.property.test.ts > Property 6',
  'Worker.restarts': METRICS,
  'header X-RateLimit-Limit': RATES,
  'header X-RateLimit-Remaining': RATES,
  'header X-RateLimit-Reset': RATES,
  'log attempt': 'integration/logs.test.ts > that loses its worker is requeued',
  'log deleted': RESTART,
  'log device.total_memory_bytes': RESTART,
  'log durationMs': DURATION,
  'log failed': RESTART,
  'log forwardSeconds': ESTIMATE,
  'log lost': RESTART,
  'log modelLoads': ESTIMATE,
  'log pid': RESTART,
  'log processingSeconds': ESTIMATE,
  'log protocol_version': RESTART,
  'log removed': RESTART,
  'log stageSeconds.decoding': ESTIMATE,
  'log stageSeconds.encoding': ESTIMATE,
  'log stageSeconds.loading_model': ESTIMATE,
  'log stageSeconds.separating': ESTIMATE,
  'log status': REQUESTS,
  'log swept': RESTART,
  'log waitedMs': `${HERE} > how long an upload waited for its turn`,
  msst_audio_seconds_total: COUNTS,
  msst_build_info: DISK,
  msst_http_request_duration_seconds: DURATION,
  msst_http_requests_total: METRICS,
  msst_task_duration_seconds: COUNTS,
  msst_tasks: METRICS,
  msst_tasks_total: COUNTS,
  msst_upload_bytes_total: COUNTS,
  msst_worker_restarts_total: METRICS,
  msst_worker_up: METRICS,
};

type Entry = Record<string, unknown>;
const SETTINGS = { log_file: 'logs/server.log', log_level: 'trace', max_queue_size: 1 };
const TEN = makeWav(10, 8000);
const TWENTY = makeWav(20, 8000);
const HOUR = 3600;

let server: TestServer;
const startedAt = Date.parse('2026-03-01T12:00:00.000Z');
/** The time on the clocks, so many seconds after the first start. */
const at = (seconds: number) => new Date(startedAt + seconds * 1000).toISOString();
const now = () => (Date.now() - startedAt) / 1000;

beforeAll(async () => {
  stopClocks(startedAt);
  server = await startTestServer(SETTINGS);
  await isReady();
});
afterAll(async () => {
  await server.dispose();
  vi.useRealTimers();
});

const api = (route: string) => `${server.url}/api/v1${route}`;
const metrics = async () => metricsSchema.strict().parse((await call(api('/metrics'))).body);
const health = async () => healthSchema.strict().parse((await call(api('/health'))).body);
const scrape = async () =>
  parseSamples(await (await fetch(api('/metrics'), { headers: { accept: 'text/plain' } })).text());
const isReady = () =>
  eventually(async () => {
    expect((await health()).dependencies.workers.status).toBe('ok');
  });
const shows = (task: WireTask, progress: Partial<WireTask['progress']>) =>
  eventually(async () => {
    const shown = (await getTask(server.url, task.task_id)).progress;
    expect(shown).toEqual({ ...shown, ...progress, updated_at: at(now()) });
  });
const ends = (task: WireTask) =>
  eventually(async () => {
    const shown = await getTask(server.url, task.task_id);
    expect(ended(shown)).toBe(true);
    return shown;
  });
/** Waits until the worker has begun so many calls: its attempt's clock runs from before that. */
const hasBegun = (calls: number) =>
  eventually(async () => {
    const begun = (await standInsOf(server).diary()).filter(({ event }) => event === 'begin');
    expect(begun).toHaveLength(calls);
  });

async function entries(): Promise<Entry[]> {
  const text = await readFile(path.join(server.dataDir, 'logs/server.log'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Entry);
}
const linesOf = async (msg: string, taskId: string) =>
  (await entries()).filter((entry) => entry['msg'] === msg && entry['taskId'] === taskId);

const STAGES = { loading_model: 7, decoding: 0, separating: 15.5, encoding: 2.5 };
let first: WireTask;
let second: WireTask;
let calls: ToldCall[];

test('the percent, the remaining time and the times of a task are those of the clock', async () => {
  calls = Array.from({ length: 4 }, () => toldCall(server));
  await server.plan(...calls.map(({ word }) => word));
  const [a] = calls as [ToldCall];
  first = await submit(server.url, form({}, { bytes: TEN }));
  await hasBegun(1);
  passSeconds(7);
  await a.report('loading_model');
  await shows(first, { stage: 'loading_model', percent: 0 });
  second = await submit(server.url, form({ use_tta: 'true' }, { bytes: TWENTY }));

  // Of four forward calls, each of four seconds; halfway through the second nothing is told but that it lives.
  await a.report('separating', 1, 4);
  await shows(first, { stage: 'separating', percent: 2 });
  passSeconds(4);
  await a.report('separating', 2, 4);
  await shows(first, { percent: 25.8, eta_seconds: 12 });
  passSeconds(2);
  await a.report('separating', 2, 4);
  await shows(first, { percent: 37.6, eta_seconds: 10 });
  passSeconds(2);
  await a.report('separating', 3, 4);
  await shows(first, { percent: 49.5, eta_seconds: 8 });
  passSeconds(4);
  await a.report('separating', 4, 4);
  await shows(first, { percent: 73.3, eta_seconds: 4 });
  passSeconds(3.5);
  await a.report('encoding');
  await shows(first, { stage: 'encoding', percent: 97, eta_seconds: 1 });
  passSeconds(2.5);
  await a.answer({ stage_seconds: STAGES, forward_seconds: 14.25, model_loads: 3 });

  expect(await ends(first)).toMatchObject({
    created_at: at(0),
    started_at: at(0),
    completed_at: at(25),
    processing_seconds: 25,
    attempts: 1,
    progress: { percent: 100, stage: 'completed', eta_seconds: null, updated_at: at(25) },
  });
});

test('the estimate for the next task follows from what the last one took, and is what a full queue tells to wait', async () => {
  const [, b] = calls as [ToldCall, ToldCall];
  // 18 s without the loading, for 10 s of audio, beside what was assumed of so small a file, which is left the
  // weight of 0.7 s; this one hears 20 s three times.
  await hasBegun(2);
  await shows(second, { stage: 'loading_model', eta_seconds: 102 });
  expect(await getTask(server.url, second.task_id)).toMatchObject({
    created_at: at(7),
    started_at: at(25),
    completed_at: null,
    processing_seconds: null,
    queue_position: null,
  });
  passSeconds(8);
  await b.report('loading_model');
  await shows(second, { eta_seconds: 94 });

  const third = await submit(server.url, form({}, { bytes: TEN }));
  expect(third).toMatchObject({ created_at: at(33), queue_position: 1, attempts: 0 });
  const refused = await call(api('/separate'), { method: 'POST', body: form({}, { bytes: TEN }) });
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '94']);

  await b.report('separating', 1, 2);
  await shows(second, { percent: 2, eta_seconds: 102 });
  passSeconds(22);
  await b.report('separating', 2, 2);
  await shows(second, { percent: 49.5, eta_seconds: 22 });
  passSeconds(20);
  await b.answer({ stage_seconds: { ...STAGES, loading_model: 8 } });
  expect(await ends(second)).toMatchObject({ completed_at: at(75), processing_seconds: 50 });

  // The third fails after 12 s, a fourth is cancelled after 5.
  await hasBegun(3);
  await calls[2]?.report('separating', 1, 2);
  await shows(third, { stage: 'separating' });
  passSeconds(12);
  await calls[2]?.fail('SEPARATION_FAILED');
  expect(await ends(third)).toMatchObject({ completed_at: at(87), processing_seconds: 12 });
  const fourth = await submit(server.url, form({}, { bytes: TEN }));
  await hasBegun(4);
  await calls[3]?.report('separating', 1, 2);
  await shows(fourth, { stage: 'separating' });
  passSeconds(5);
  const cancelled = await call(api(`/tasks/${fourth.task_id}/cancel`), { method: 'POST' });
  expect(cancelled.body).toMatchObject({ started_at: at(87), completed_at: at(92) });

  const status = async (task: WireTask) => (await linesOf('task status', task.task_id)).at(-1);
  expect(await status(first)).toMatchObject({
    ...{ status: 'completed', time: at(25), attempt: 1, processingSeconds: 25 },
    stageSeconds: { loading_model: 7, separating: 15.5, encoding: 2.5 },
  });
  expect(await linesOf('an attempt computed its stems', first.task_id)).toMatchObject([
    { processingSeconds: 25, stageSeconds: STAGES, forwardSeconds: 14.25, modelLoads: 3 },
  ]);
  expect(await status(third)).toMatchObject({
    ...{ status: 'failed', time: at(87), processingSeconds: 12 },
    stageSeconds: { loading_model: 0, separating: 12 },
  });
  expect(await status(fourth)).toMatchObject({
    ...{ status: 'cancelled', time: at(92), processingSeconds: 5 },
    stageSeconds: { loading_model: 0, separating: 5 },
  });
});

test('counts, averages and the time since the start are those of what was done', async () => {
  await isReady();
  const totals = { completed_tasks: 2, failed_tasks: 1, cancelled_tasks: 1 };
  expect(await metrics()).toMatchObject({
    ...totals,
    active_tasks: 0,
    queued_tasks: 0,
    average_processing_seconds: (25 + 50) / 2,
    uptime_seconds: 92,
  });
  expect((await health()).uptime_seconds).toBe(92);
  const samples = Object.fromEntries(await scrape());
  expect(samples).toMatchObject({
    'msst_tasks_total{status="completed"}': 2,
    'msst_tasks_total{status="failed"}': 1,
    'msst_tasks_total{status="cancelled"}': 1,
    'msst_task_duration_seconds_sum{model_type="starter"}': 75,
    'msst_task_duration_seconds_count{model_type="starter"}': 2,
    'msst_task_duration_seconds_bucket{le="15",model_type="starter"}': 0,
    'msst_task_duration_seconds_bucket{le="30",model_type="starter"}': 1,
    'msst_task_duration_seconds_bucket{le="60",model_type="starter"}': 2,
    'msst_audio_seconds_total{}': 10 + 20,
    'msst_upload_bytes_total{}': 3 * TEN.length + TWENTY.length,
  });
});

test('a request is logged and counted with the time it took', async () => {
  const before = await scrape();
  await server.plan('hang');
  await uploadSlowly(server, { requestId: 'a-slow-upload', file: TEN }, () => {
    passSeconds(1.2345);
  });

  const lines = (await entries()).filter(
    ({ requestId, msg }) => requestId === 'a-slow-upload' && msg === 'request',
  );
  expect(lines).toMatchObject([{ status: 201, durationMs: 1234.5, time: at(93.2345) }]);
  const others = (await entries()).filter(
    ({ requestId, msg }) => requestId !== 'a-slow-upload' && msg === 'request',
  );
  expect(new Set(others.map(({ durationMs }) => durationMs))).toEqual(new Set([0]));
  const grew = async (series: string) => ((await scrape()).get(series) ?? 0) - (before.get(series) ?? 0);
  const ofPosts = '{method="POST",route="/api/v1/separate"}';
  expect(await grew(`msst_http_request_duration_seconds_sum${ofPosts}`)).toBeCloseTo(1.2345, 9);
  expect(await grew(`msst_http_request_duration_seconds_count${ofPosts}`)).toBe(1);
  const { body: page } = await call(api('/tasks?limit=1'));
  const [uploaded] = (page as { tasks: WireTask[] }).tasks;
  expect((await call(server.url + (uploaded?.links.self ?? ''), { method: 'DELETE' })).status).toBe(204);
});

test('of a file the length, the hash and the shape are those that others find', async () => {
  const file = path.join(server.dataDir, 'twenty.wav');
  await writeFile(file, TWENTY);
  const { stdout } = await promisify(execFile)('sha256sum', [file]);
  expect(second.input).toEqual({
    filename: 'song.wav',
    bytes: 44 + 20 * 8000 * 4,
    duration_seconds: 20,
    sample_rate: 8000,
    channels: 2,
    codec: 'pcm_s16le',
    sha256: stdout.split(' ')[0],
  });
  const { stems, expires_at } = parseResults((await call(api(`/tasks/${second.task_id}/results`))).body);
  expect(expires_at).toBe(at(75 + 24 * HOUR));
  for (const { bytes, sha256, url } of stems) {
    const whole = Buffer.from(await (await fetch(server.url + url)).arrayBuffer());
    expect([bytes, sha256]).toEqual([whole.length, createHash('sha256').update(whole).digest('hex')]);
  }
});

test('the free disk is what df says, and the version that of the package', async () => {
  const df = async () => {
    const { stdout } = await promisify(execFile)('df', ['-B1', '--output=avail', server.dataDir]);
    return Number(stdout.trim().split('\n').at(-1));
  };
  const [before, { dependencies, version }, after] = [await df(), await health(), await df()];
  // Others write to this disk meanwhile.
  expect(dependencies.disk.free_bytes).toBeGreaterThan(Math.min(before, after) - 200e6);
  expect(dependencies.disk.free_bytes).toBeLessThan(Math.max(before, after) + 200e6);
  const manifest = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  expect(version).toBe(manifest.version);
  expect((await scrape()).get(`msst_build_info{version="${version}"}`)).toBe(1);
});

test('after a restart the totals go on, the time since the start does not, and the estimate follows from the history', async () => {
  const before = await metrics();
  await server.plan('hang');
  const lost = await submit(server.url, form({}, { bytes: TEN }));
  await shows(lost, { stage: 'separating' });
  // As a sudden death would leave it, beside a file of no task and a deletion that was begun; one second before the
  // files of the second task expire.
  const copy = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-test-'));
  await cp(server.dataDir, copy, { recursive: true });
  await mkdir(path.join(copy, 'inputs/of-no-task'));
  const database = new Database(path.join(copy, 'tasks.db'));
  database.prepare('UPDATE tasks SET deleted_at = 1 WHERE status = ?').run('cancelled');
  database.close();
  await standInsOf({ dataDir: copy }).giveMemory({ total: 24e9, held: 0, peaks: {} });
  await server.dispose();
  passSeconds(24 * HOUR + 74 - now());
  const told = toldCall({ dataDir: copy });
  server = await startTestServer(SETTINGS, copy, ['hang', told.word]);
  await isReady();
  await shows(lost, { stage: 'separating' });
  await call(api(`/tasks/${lost.task_id}`), { method: 'DELETE' });
  const lines = (await entries()).filter(({ time }) => time === at(24 * HOUR + 74));
  const ofMessage = (msg: string) => lines.filter((line) => line['msg'] === msg);
  expect(ofMessage('startup recovery finished')).toMatchObject([
    // The file of no task, and what the lost attempt had written.
    { lost: 1, failed: 0, deleted: 1, swept: 2 },
  ]);
  const starts = (await standInsOf(server).diary()).filter(({ event }) => event === 'start');
  expect(ofMessage('a worker is ready')).toMatchObject([
    { pid: starts.at(-1)?.pid, protocol_version: 1, device: { total_memory_bytes: 24e9 } },
  ]);
  expect(ofMessage('a step of the cleanup ended')).toMatchObject([
    { step: 'tasks', removed: 0, failed: 0 },
    { step: 'files of completed tasks', removed: 1, failed: 0 },
    { step: 'files of failed tasks', removed: 0, failed: 0 },
    { step: 'files of cancelled tasks', removed: 0, failed: 0 },
    { step: 'deleted tasks', removed: 0, failed: 0 },
    { step: 'events', removed: 0, failed: 0 },
    { step: 'orphans', removed: 0, failed: 0 },
  ]);
  passSeconds(30);
  const { completed_tasks, failed_tasks, cancelled_tasks, average_processing_seconds } = before;
  expect(await metrics()).toMatchObject({
    ...{ completed_tasks, failed_tasks, cancelled_tasks, average_processing_seconds },
    uptime_seconds: 30,
  });

  const task = await submit(server.url, form({ bigshifts: '3' }, { bytes: TEN }));
  // 25 s for 10 s heard once, then 50 s for 20 s heard three times; what is older counts for seven tenths.
  const forOneSecond = (0.7 * 25 + 50 + 0.49 * 0.27) / (0.7 * 10 + 60 + 0.49);
  await eventually(async () => {
    expect((await getTask(server.url, task.task_id)).progress.eta_seconds).toBe(
      Math.round(forOneSecond * 30),
    );
  });
  passSeconds(20);
  await told.answer();
  expect(await ends(task)).toMatchObject({ processing_seconds: 20 });
  expect(await metrics()).toMatchObject({
    completed_tasks: 3,
    average_processing_seconds: (25 + 50 + 20) / 3,
  });
});

test('how long an upload waited for its turn to be looked into is told to its client and to the log', async () => {
  // A child that looks into a file for as long as the file says; there are as many as there are cores, and one more.
  vi.stubEnv('MSST_SERVE_INTERNAL_MEDIA_PYTHON', misbehavingChild().python);
  const slow = await startTestServer({ log_file: 'server.log' });
  onTestFinished(() => slow.dispose());
  vi.unstubAllEnvs();
  const gate = path.join(await temporaryFolder(), 'gate');
  const cores = os.availableParallelism();
  const uploads = Array.from({ length: cores + 1 }, () =>
    call(`${slow.url}/api/v1/separate`, {
      method: 'POST',
      body: form({}, { bytes: Buffer.from(`wait:${gate}`) }),
    }),
  );
  await eventually(async () => {
    expect(await readdir(path.dirname(gate))).toHaveLength(cores);
    expect(await slow.stored('inputs')).toHaveLength(cores + 1);
  });
  // The last has its file, and asks for a child within the next moments.
  for (let n = 0; n < 10; n += 1) await call(`${slow.url}/api/v1/health`);
  passSeconds(2.5);
  await writeFile(gate, '');
  const waits = (await Promise.all(uploads)).map(({ headers }) => headers.get('server-timing'));
  expect(waits.sort()).toEqual([...Array<string>(cores).fill('wait;dur=0'), 'wait;dur=2500']);
  const lines = (await readFile(path.join(slow.dataDir, 'server.log'), 'utf8')).trimEnd().split('\n');
  const logged = lines.flatMap((line) => (JSON.parse(line) as { waitedMs?: number }).waitedMs ?? []);
  expect(logged.sort((a, b) => a - b)).toEqual([...Array<number>(cores).fill(0), 2500]);
});

test('no figure is shown without a test of its truth', async () => {
  const document = await fetchDocument(server.url);
  const shown = [
    ...numbersOf(document),
    ...[...(await scrape()).keys()].filter((series) => series.startsWith('msst_')).map(familyOf),
    ...(await entries()).flatMap((entry) => numbersIn(entry).map((name) => `log ${name}`)),
  ];
  expect([...new Set(shown)].sort()).toEqual(Object.keys(PROOFS).sort());
  for (const proof of new Set(Object.values(PROOFS))) {
    const [file = '', name = ''] = proof.split(' > ');
    expect(await readFile(path.join('test', file), 'utf8')).toContain(name);
  }
});
