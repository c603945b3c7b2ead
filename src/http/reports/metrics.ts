/** The server's metrics, in the two formats of GET /metrics. */
import type { z } from '@hono/zod-openapi';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { TaskTotals } from '../../tasks/task.ts';
import type { TaskEvent } from '../../tasks/taskEvent.ts';
import type { TaskStatus } from '../../tasks/taskState.ts';
import type { metricsSchema } from '../openapi/schemas.ts';

export type MetricsReport = z.output<typeof metricsSchema>;

/** Sources of the figures that other modules keep. */
export interface MetricsSources {
  countByStatus: () => Promise<Record<TaskStatus, number>>;
  totals: () => Promise<TaskTotals>;
  workers: () => MetricsReport['workers'];
  uptimeSeconds: () => number;
  version: string;
}

/** Records what happens in the server and reports it as metrics. */
export interface Metrics {
  recordRequest(request: { method: string; route: string; status: number; seconds: number }): void;
  /** A subscriber of `TaskEvents`. */
  recordEvent: (event: Pick<TaskEvent, 'type' | 'task'>) => void;
  report(): Promise<MetricsReport>;
  /** The Prometheus text format, version 0.0.4. */
  text(): Promise<string>;
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
/** Seconds: from a response out of memory to an upload over a slow connection. */
const REQUEST_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120, 600];
/** Seconds: from a short sample on a GPU to an hour of music on a CPU. */
const TASK_BUCKETS = [1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 10_800];

/** Creates the metrics of one server; two servers in a process share nothing. */
export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  const countRequest = registerRequestCount(registers);
  const requestSeconds = new Histogram({
    name: 'msst_http_request_duration_seconds',
    help: 'Seconds from the headers of a request to the headers of its response.',
    labelNames: ['method', 'route'] as const,
    buckets: REQUEST_BUCKETS,
    registers,
  });
  const taskSeconds = new Histogram({
    name: 'msst_task_duration_seconds',
    help: 'Processing seconds of completed tasks since the server started.',
    labelNames: ['model_type'] as const,
    buckets: TASK_BUCKETS,
    registers,
  });
  const audioSeconds = new Counter({
    name: 'msst_audio_seconds_total',
    help: 'Seconds of audio separated by completed tasks since the server started.',
    registers,
  });
  const uploadBytes = new Counter({
    name: 'msst_upload_bytes_total',
    help: 'Bytes of the accepted uploads since the server started.',
    registers,
  });
  new Gauge({
    name: 'msst_build_info',
    help: 'Always 1; the version is in the label.',
    labelNames: ['version'] as const,
    registers,
  }).set({ version: sources.version }, 1);
  registerTaskCounts(registers, sources);
  registerWorkers(registers, sources);

  return {
    recordRequest({ method, route, status, seconds }) {
      const known = METHODS.has(method) ? method : 'other';
      countRequest(known, route, status);
      requestSeconds.observe({ method: known, route }, seconds);
    },
    recordEvent({ type, task }) {
      if (type === 'task.queued') uploadBytes.inc(task.mixture.bytes);
      if (type !== 'task.completed') return;
      taskSeconds.observe({ model_type: task.modelType }, task.processingSeconds ?? 0);
      audioSeconds.inc(task.mixture.durationSeconds);
    },
    report: () => reportMetrics(sources),
    text: () => registry.metrics(),
  };
}

/**
 * Counts requests in a map that the library reads only on collection: its own counting took a tenth of a poll's
 * time.
 */
function registerRequestCount(
  registers: Registry[],
): (method: string, route: string, status: number) => void {
  const series = new Map<
    string,
    { labels: { method: string; route: string; status: number }; count: number }
  >();
  new Counter({
    name: 'msst_http_requests_total',
    help: 'HTTP requests answered. `route` is the path template; /* stands for all paths without a route.',
    labelNames: ['method', 'route', 'status'] as const,
    registers,
    collect() {
      this.reset();
      for (const { labels, count } of series.values()) this.inc(labels, count);
    },
  });
  return (method, route, status) => {
    const key = `${method} ${route} ${String(status)}`;
    const known = series.get(key);
    if (known) known.count += 1;
    else series.set(key, { labels: { method, route, status }, count: 1 });
  };
}

/** The totals come from the queue, so that they survive restarts and the removal of rows. */
function registerTaskCounts(registers: Registry[], sources: MetricsSources): void {
  new Counter({
    name: 'msst_tasks_total',
    help: 'All-time total of ended tasks, by final status.',
    labelNames: ['status'] as const,
    registers,
    async collect() {
      const { completed, failed, cancelled } = await sources.totals();
      this.reset();
      this.inc({ status: 'completed' }, completed);
      this.inc({ status: 'failed' }, failed);
      this.inc({ status: 'cancelled' }, cancelled);
    },
  });
  new Gauge({
    name: 'msst_tasks',
    help: 'Current tasks, by status.',
    labelNames: ['status'] as const,
    registers,
    async collect() {
      for (const [status, count] of Object.entries(await sources.countByStatus())) {
        this.set({ status }, count);
      }
    },
  });
}

function registerWorkers(registers: Registry[], sources: MetricsSources): void {
  new Gauge({
    name: 'msst_worker_up',
    help: '1: the worker can take tasks or has one; 0: it is starting or down.',
    labelNames: ['worker', 'device'] as const,
    registers,
    collect() {
      for (const { id, device, state } of sources.workers()) {
        this.set({ worker: id, device }, state === 'idle' || state === 'busy' ? 1 : 0);
      }
    },
  });
  new Counter({
    name: 'msst_worker_restarts_total',
    help: 'Worker replacements since the server started.',
    labelNames: ['worker'] as const,
    registers,
    collect() {
      this.reset();
      for (const { id, restarts } of sources.workers()) this.inc({ worker: id }, restarts);
    },
  });
}

async function reportMetrics(sources: MetricsSources): Promise<MetricsReport> {
  const [counts, totals] = await Promise.all([sources.countByStatus(), sources.totals()]);
  return {
    active_tasks: counts.processing,
    queued_tasks: counts.pending,
    completed_tasks: totals.completed,
    failed_tasks: totals.failed,
    cancelled_tasks: totals.cancelled,
    average_processing_seconds: totals.completed === 0 ? null : totals.processingSeconds / totals.completed,
    uptime_seconds: Math.round(sources.uptimeSeconds()),
    workers: sources.workers(),
  };
}
