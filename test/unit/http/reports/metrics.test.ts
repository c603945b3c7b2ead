import { describe, expect, test } from 'vitest';
import { createMetrics, type MetricsSources } from '../../../../src/http/reports/metrics.ts';
import { runningTask } from '../../../support/newTask.ts';
import { parseSamples } from '../../../support/prometheus.ts';

const worker = (state: 'starting' | 'idle' | 'busy' | 'down', id = 'w0', restarts = 0) => ({
  id,
  device: 'cpu',
  state,
  restarts,
});
const sources = (given: Partial<MetricsSources> = {}): MetricsSources => ({
  countByStatus: () => Promise.resolve({ pending: 4, processing: 3, completed: 2, failed: 1, cancelled: 5 }),
  totals: () => Promise.resolve({ completed: 20, failed: 10, cancelled: 50, processingSeconds: 90 }),
  workers: () => [worker('idle')],
  uptimeSeconds: () => 7.6,
  version: '1.2.3',
  ...given,
});
type Figures = ReturnType<typeof createMetrics>;
const samplesOf = async (metrics: Figures) => parseSamples(await metrics.text());
/** Those with this name before the labels. */
const named = async (metrics: Figures, name: string) =>
  Object.fromEntries([...(await samplesOf(metrics))].filter(([key]) => key.replace(/\{.*/, '') === name));

describe('the report', () => {
  test('has what is now and what was, the mean time of a completed task, and whole seconds of uptime', async () => {
    expect(await createMetrics(sources()).report()).toEqual({
      active_tasks: 3,
      queued_tasks: 4,
      completed_tasks: 20,
      failed_tasks: 10,
      cancelled_tasks: 50,
      average_processing_seconds: 4.5,
      uptime_seconds: 8,
      workers: [worker('idle')],
    });
  });

  test('has no mean of no tasks', async () => {
    const totals = () => Promise.resolve({ completed: 0, failed: 0, cancelled: 0, processingSeconds: 0 });
    const report = await createMetrics(sources({ totals })).report();
    expect(report.average_processing_seconds).toBeNull();
  });
});

describe('the text of Prometheus', () => {
  test('counts requests by method, route and status, however often it is asked for', async () => {
    const metrics = createMetrics(sources());
    const request = (method: string, route: string, status: number) => {
      metrics.recordRequest({ method, route, status, seconds: 0.02 });
    };
    request('GET', '/a', 200);
    request('GET', '/a', 200);
    request('GET', '/a', 404);
    request('POST', '/a', 200);
    request('GET', '/b', 200);
    const counted = {
      'msst_http_requests_total{method="GET",route="/a",status="200"}': 2,
      'msst_http_requests_total{method="GET",route="/a",status="404"}': 1,
      'msst_http_requests_total{method="POST",route="/a",status="200"}': 1,
      'msst_http_requests_total{method="GET",route="/b",status="200"}': 1,
    };
    expect(await named(metrics, 'msst_http_requests_total')).toEqual(counted);
    expect(await named(metrics, 'msst_http_requests_total')).toEqual(counted);
  });

  test.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
    'knows the method %s',
    async (method) => {
      const metrics = createMetrics(sources());
      metrics.recordRequest({ method, route: '/', status: 200, seconds: 1 });
      expect([...(await samplesOf(metrics)).keys()]).toContain(
        `msst_http_requests_total{method="${method}",route="/",status="200"}`,
      );
    },
  );

  test('has one label for every method that a client invents', async () => {
    const metrics = createMetrics(sources());
    for (const method of ['BREW', 'get'])
      metrics.recordRequest({ method, route: '/', status: 200, seconds: 1 });
    expect(await named(metrics, 'msst_http_requests_total')).toEqual({
      'msst_http_requests_total{method="other",route="/",status="200"}': 2,
    });
    expect(await named(metrics, 'msst_http_request_duration_seconds_count')).toEqual({
      'msst_http_request_duration_seconds_count{method="other",route="/"}': 2,
    });
  });

  test('has how long requests took, from a millisecond to ten minutes', async () => {
    const metrics = createMetrics(sources());
    metrics.recordRequest({ method: 'GET', route: '/', status: 200, seconds: 0.02 });
    const samples = await samplesOf(metrics);
    const upTo = (le: string) =>
      samples.get(`msst_http_request_duration_seconds_bucket{le="${le}",method="GET",route="/"}`);
    expect(
      ['0.001', '0.005', '0.01', '0.05', '0.1', '0.5', '1', '5', '30', '120', '600', '+Inf'].map(upTo),
    ).toEqual([0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    expect(samples.get('msst_http_request_duration_seconds_sum{method="GET",route="/"}')).toBe(0.02);
  });

  test('adds up the bytes of uploads, and the seconds of audio', async () => {
    const metrics = createMetrics(sources());
    const task = runningTask();
    const taskOf = (bytes: number, processingSeconds: number) => ({
      ...task,
      modelType: 'starter',
      processingSeconds,
      mixture: { ...task.mixture, bytes, durationSeconds: 10 },
    });
    for (const each of [taskOf(5, 2), taskOf(7, 40)]) {
      metrics.recordEvent({ type: 'task.queued', task: each });
      metrics.recordEvent({ type: 'task.started', task: each });
      metrics.recordEvent({ type: 'task.completed', task: each });
    }
    const samples = await samplesOf(metrics);
    expect(samples.get('msst_upload_bytes_total{}')).toBe(12);
    expect(samples.get('msst_audio_seconds_total{}')).toBe(20);
    expect(samples.get('msst_task_duration_seconds_sum{model_type="starter"}')).toBe(42);
    expect(samples.get('msst_task_duration_seconds_bucket{le="1",model_type="starter"}')).toBe(0);
    expect(samples.get('msst_task_duration_seconds_bucket{le="5",model_type="starter"}')).toBe(1);
    expect(samples.get('msst_task_duration_seconds_bucket{le="60",model_type="starter"}')).toBe(2);
    expect([...samples.keys()]).toContain(
      'msst_task_duration_seconds_bucket{le="10800",model_type="starter"}',
    );
  });

  test('has the tasks of now and those that ended, the same at every scrape', async () => {
    const metrics = createMetrics(sources());
    for (let scrape = 0; scrape < 2; scrape += 1) {
      expect(await named(metrics, 'msst_tasks')).toEqual({
        'msst_tasks{status="pending"}': 4,
        'msst_tasks{status="processing"}': 3,
        'msst_tasks{status="completed"}': 2,
        'msst_tasks{status="failed"}': 1,
        'msst_tasks{status="cancelled"}': 5,
      });
      expect(await named(metrics, 'msst_tasks_total')).toEqual({
        'msst_tasks_total{status="completed"}': 20,
        'msst_tasks_total{status="failed"}': 10,
        'msst_tasks_total{status="cancelled"}': 50,
      });
    }
  });

  test('says of each worker whether it is up, and how often it was replaced', async () => {
    const workers = () => [
      worker('idle', 'a'),
      worker('busy', 'b', 2),
      worker('starting', 'c'),
      worker('down', 'd', 1),
    ];
    const metrics = createMetrics(sources({ workers }));
    for (let scrape = 0; scrape < 2; scrape += 1) {
      expect(await named(metrics, 'msst_worker_up')).toEqual({
        'msst_worker_up{worker="a",device="cpu"}': 1,
        'msst_worker_up{worker="b",device="cpu"}': 1,
        'msst_worker_up{worker="c",device="cpu"}': 0,
        'msst_worker_up{worker="d",device="cpu"}': 0,
      });
      expect(await named(metrics, 'msst_worker_restarts_total')).toEqual({
        'msst_worker_restarts_total{worker="a"}': 0,
        'msst_worker_restarts_total{worker="b"}': 2,
        'msst_worker_restarts_total{worker="c"}': 0,
        'msst_worker_restarts_total{worker="d"}': 1,
      });
    }
  });

  test('has the version, what the process uses, and a sentence on each figure of ours', async () => {
    const metrics = createMetrics(sources());
    const samples = await samplesOf(metrics);
    expect(samples.get('msst_build_info{version="1.2.3"}')).toBe(1);
    expect([...samples.keys()]).toContain('process_cpu_seconds_total{}');
    const text = await metrics.text();
    const ours = [...text.matchAll(/^# TYPE (msst_\w+) /gm)].map(([, name = '']) => name);
    expect(ours.length).toBeGreaterThan(8);
    for (const name of ours) expect(text).toMatch(new RegExp(`^# HELP ${name} \\S.+\\.$`, 'm'));
  });
});
