import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, ended, form, submit, waitForTask } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

type Entry = Record<string, unknown>;

let server: TestServer;
const song = makeWav(1);
const api = (at: string) => `${server.url}/api/v1${at}`;
const submitSong = () => submit(server.url, form({}, { bytes: song }));

/** Everything in the folder of the log, as text. */
async function allLogs(): Promise<string> {
  const folder = path.join(server.dataDir, 'logs');
  const texts = (await readdir(folder)).map((name) => readFile(path.join(folder, name), 'utf8'));
  return (await Promise.all(texts)).join('');
}

async function entries(): Promise<Entry[]> {
  const lines = (await allLogs()).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Entry);
}

const statusLines = async (taskId: string) =>
  (await entries()).filter((entry) => entry['msg'] === 'task status' && entry['taskId'] === taskId);
const requestLines = async (requestId: string | null) =>
  (await entries()).filter((entry) => entry['msg'] === 'request' && entry['requestId'] === requestId);

beforeAll(async () => {
  server = await startTestServer({ log_file: 'logs/server.log' });
});
afterAll(() => server.dispose());

describe('a request', () => {
  test.each([
    ['GET', '/models/starter', '/api/v1/models/:model_type', 200, undefined],
    ['GET', '/tasks/some-id?limit=2', '/api/v1/tasks/:task_id', 404, 'TASK_NOT_FOUND'],
    ['GET', '/nothing/here', '/*', 404, 'ROUTE_NOT_FOUND'],
    ['PUT', '/separate', '/*', 405, 'METHOD_NOT_ALLOWED'],
  ])('%s %s has one line, with its facts', async (method, at, route, status, code) => {
    const answer = await call(api(at), { method });
    const lines = await requestLines(answer.headers.get('x-request-id'));
    expect(lines).toEqual([
      {
        level: 30,
        time: expect.any(String) as string,
        requestId: answer.headers.get('x-request-id'),
        method,
        route,
        status,
        durationMs: expect.any(Number) as number,
        owner: null,
        msg: 'request',
        ...(code === undefined ? {} : { code }),
      },
    ]);
  });

  test('that Node cannot read has one too, under the id of its answer', async () => {
    const { hostname, port } = new URL(server.url);
    const answer = await new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = connect(Number(port), hostname, () => socket.write('this is no HTTP\r\n\r\n'));
      socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      socket.on('error', reject).on('close', () => {
        resolve(text);
      });
    });
    const { request_id } = JSON.parse(answer.slice(answer.indexOf('{'))) as { request_id: string };
    expect(await requestLines(request_id)).toMatchObject([
      { status: 400, method: null, route: null, code: 'INVALID_PARAMETERS', owner: null },
    ]);
  });

  test('leaves neither its key nor its cookie nor its path in any log file', async () => {
    const headers = {
      authorization: 'Bearer s3cret-key',
      cookie: 'session=s3cret-cookie',
      'x-request-id': 's3cret/../id\u00e9',
    };
    for (const at of ['/tasks', '/s3cret-path', '/tasks/s3cret-id', '/metrics?key=s3cret-query']) {
      await call(api(at), { headers });
    }
    await call(api('/separate'), { method: 'POST', headers, body: form({ use_tta: 's3cret-field' }) });
    expect((await entries()).length).toBeGreaterThan(5);
    expect(await allLogs()).not.toContain('s3cret');
  });
});

describe('a task', () => {
  test('that completes has one line for each status, and at its end its times', async () => {
    const { task_id } = await submitSong();
    const done = await waitForTask(server.url, task_id, ended);
    const lines = await statusLines(task_id);
    expect(lines).toMatchObject([
      { status: 'pending', modelType: 'starter', requestId: expect.any(String) as string },
      { status: 'processing', attempt: 1, modelType: 'starter', workerId: expect.any(String) as string },
      { status: 'completed', attempt: 1, processingSeconds: done.processing_seconds },
    ]);
    const stages = lines[2]?.['stageSeconds'] as Record<string, number>;
    expect(Object.keys(stages)).toEqual(['loading_model', 'separating', 'encoding']);
    for (const seconds of Object.values(stages)) expect(seconds).toBeGreaterThanOrEqual(0);
  });

  test('that fails has the reason and its times, and a line with the stack', async () => {
    await server.plan('fail:SEPARATION_FAILED');
    const { task_id } = await submitSong();
    await waitForTask(server.url, task_id, ended);
    expect(await statusLines(task_id)).toMatchObject([
      { status: 'pending' },
      { status: 'processing' },
      {
        status: 'failed',
        processingSeconds: expect.any(Number) as number,
        stageSeconds: {
          loading_model: expect.any(Number) as number,
          separating: expect.any(Number) as number,
        },
        failure: { code: 'SEPARATION_FAILED', message: 'It failed as the plan says.' },
      },
    ]);
    const errors = (await entries()).filter((entry) => entry['level'] === 50 && entry['taskId'] === task_id);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({
      traceback: 'Traceback: the plan said so',
      err: { stack: expect.stringMatching(/\n {4}at /) as string },
    });
  });

  test('that loses its worker is requeued, and then cancelled', async () => {
    await server.plan('die', 'hang');
    const { task_id } = await submitSong();
    await waitForTask(
      server.url,
      task_id,
      (task) => task.attempts === 2 && task.progress.stage === 'separating',
    );
    const answer = await call(api(`/tasks/${task_id}/cancel`), { method: 'POST' });
    expect(await statusLines(task_id)).toMatchObject([
      { status: 'pending' },
      { status: 'processing', attempt: 1 },
      { status: 'requeued', attempt: 1, outcome: 'worker_died' },
      { status: 'processing', attempt: 2 },
      {
        status: 'cancelled',
        requestId: answer.headers.get('x-request-id'),
        processingSeconds: expect.any(Number) as number,
        stageSeconds: {
          loading_model: expect.any(Number) as number,
          separating: expect.any(Number) as number,
        },
      },
    ]);
  });

  test('that a stop of the server interrupts is requeued; the next start appends to the same file', async () => {
    await server.plan('hang');
    const { task_id } = await submitSong();
    await waitForTask(server.url, task_id, (task) => task.progress.stage === 'separating');
    await server.stop();
    const before = await allLogs();
    server = await startTestServer({ log_file: 'logs/server.log' }, server.dataDir);
    await waitForTask(server.url, task_id, ended);
    expect((await allLogs()).startsWith(before)).toBe(true);
    expect(await statusLines(task_id)).toMatchObject([
      { status: 'pending' },
      { status: 'processing' },
      { status: 'requeued', outcome: 'server_stopped' },
      { status: 'processing' },
      { status: 'completed' },
    ]);
  });
});
