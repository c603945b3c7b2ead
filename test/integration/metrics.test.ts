import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { metricsSchema } from '../../src/http/openapi/schemas.ts';
import { call, ended, form, submit, waitForTask } from '../support/client.ts';
import { parseSamples } from '../support/prometheus.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

let server: TestServer;
const song = makeWav(2);
const api = (path: string) => `${server.url}/api/v1${path}`;
const submitSong = () => submit(server.url, form({}, { bytes: song }));

async function report(): Promise<z.output<typeof metricsSchema>> {
  const answer = await call(api('/metrics'));
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
  return metricsSchema.strict().parse(answer.body);
}

async function scrape(accept = 'text/plain'): Promise<Map<string, number>> {
  const response = await fetch(api('/metrics'), { headers: { accept } });
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(response.headers.get('vary')).toBe('Accept');
  return parseSamples(await response.text());
}

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.dispose());

describe('the metrics', () => {
  test('of a new server are zeros, and no average', async () => {
    expect(await report()).toMatchObject({
      active_tasks: 0,
      queued_tasks: 0,
      completed_tasks: 0,
      failed_tasks: 0,
      cancelled_tasks: 0,
      average_processing_seconds: null,
    });
  });

  test('count what happened, the same in both forms, and go on after deletions and a restart', async () => {
    const completed = [await submitSong(), await submitSong()];
    const seconds: number[] = [];
    for (const { task_id } of completed) {
      const done = await waitForTask(server.url, task_id, ended);
      expect(done.status).toBe('completed');
      seconds.push(done.processing_seconds ?? Number.NaN);
    }
    await server.plan('fail:SEPARATION_FAILED', 'die', 'hang');
    const failed = await submitSong();
    await waitForTask(server.url, failed.task_id, ended);
    const revived = await submitSong();
    const hanging = await waitForTask(
      server.url,
      revived.task_id,
      (task) => task.attempts === 2 && task.progress.stage === 'separating',
    );
    const waiting = await submitSong();
    const average = seconds.reduce((sum, each) => sum + each, 0) / 2;
    const busy = await report();
    expect(busy).toMatchObject({
      active_tasks: 1,
      queued_tasks: 1,
      completed_tasks: 2,
      failed_tasks: 1,
      cancelled_tasks: 0,
      average_processing_seconds: expect.closeTo(average, 9) as number,
      workers: [{ device: 'cpu', state: 'busy', restarts: 1 }],
    });
    const samples = await scrape();
    const worker = busy.workers[0]?.id ?? '';
    expect(Object.fromEntries(samples)).toMatchObject({
      'msst_tasks_total{status="completed"}': 2,
      'msst_tasks_total{status="failed"}': 1,
      'msst_tasks_total{status="cancelled"}': 0,
      'msst_tasks{status="pending"}': 1,
      'msst_tasks{status="processing"}': 1,
      'msst_tasks{status="completed"}': 2,
      'msst_tasks{status="failed"}': 1,
      'msst_tasks{status="cancelled"}': 0,
      'msst_task_duration_seconds_count{model_type="starter"}': 2,
      'msst_task_duration_seconds_sum{model_type="starter"}': expect.closeTo(average * 2, 9) as number,
      'msst_audio_seconds_total{}': 4,
      'msst_upload_bytes_total{}': 5 * song.byteLength,
      [`msst_worker_up{worker="${worker}",device="cpu"}`]: 1,
      [`msst_worker_restarts_total{worker="${worker}"}`]: 1,
      'msst_build_info{version="0.1.0"}': 1,
      'msst_http_requests_total{method="POST",route="/api/v1/separate",status="201"}': 5,
      'msst_http_request_duration_seconds_count{method="POST",route="/api/v1/separate"}': 5,
    });
    expect(samples.get('process_resident_memory_bytes{}')).toBeGreaterThan(1e6);

    for (const { task_id } of [hanging, waiting]) {
      expect((await call(api(`/tasks/${task_id}/cancel`), { method: 'POST' })).status).toBe(200);
    }
    for (const { task_id } of [...completed, failed, waiting]) {
      expect((await call(api(`/tasks/${task_id}`), { method: 'DELETE' })).status).toBe(204);
    }
    const totals = {
      active_tasks: 0,
      queued_tasks: 0,
      completed_tasks: 2,
      failed_tasks: 1,
      cancelled_tasks: 2,
      average_processing_seconds: expect.closeTo(average, 9) as number,
    };
    expect(await report()).toMatchObject(totals);

    await server.stop();
    server = await startTestServer({}, server.dataDir);
    expect(await report()).toMatchObject(totals);
    expect(Object.fromEntries(await scrape())).toMatchObject({
      'msst_tasks_total{status="completed"}': 2,
      'msst_tasks_total{status="failed"}': 1,
      'msst_tasks_total{status="cancelled"}': 2,
    });
  });

  test.each([
    'text/plain',
    'text/plain;version=0.0.4;q=0.5, */*;q=0.1',
    'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1',
    'application/json;q=0.1, text/plain',
  ])('come as text to who accepts %s', async (accept) => {
    expect((await scrape(accept)).size).toBeGreaterThan(20);
  });

  test.each([
    'application/json',
    '*/*',
    'text/html,*/*;q=0.8',
    'nonsense',
    ';;,',
    'text/plain;q=0.1, application/json',
  ])('come as JSON to who accepts %s', async (accept) => {
    const answer = await call(api('/metrics'), { headers: { accept } });
    expect(metricsSchema.safeParse(answer.body).success).toBe(true);
  });

  test('get no new series from a thousand paths, names and methods that a stranger makes up', async () => {
    const probe = async (n: number | string) => {
      const routes = [
        `/nothing/${String(n)}`,
        `/api/v1/${String(n)}?x=${String(n)}`,
        `/api/v1/tasks/${String(n)}`,
        `/api/v1/models/${String(n)}`,
        `/api/v1/download/${String(n)}/${String(n)}.wav`,
      ];
      for (const route of routes) await (await fetch(server.url + route)).arrayBuffer();
      for (const method of ['PROPFIND', 'REPORT']) {
        await (await fetch(`${server.url}/${String(n)}`, { method })).arrayBuffer();
      }
    };
    await probe('first');
    const before = await scrape();
    for (let n = 0; n < 200; n += 1) await probe(n);
    const after = await scrape();
    expect([...after.keys()].filter((series) => series.startsWith('msst_') && !before.has(series))).toEqual(
      [],
    );
    const unknown = 'msst_http_requests_total{method="GET",route="/*",status="404"}';
    expect((after.get(unknown) ?? 0) - (before.get(unknown) ?? 0)).toBe(400);
    expect(after.get('msst_http_requests_total{method="other",route="/*",status="404"}')).toBe(402);
  });
});
