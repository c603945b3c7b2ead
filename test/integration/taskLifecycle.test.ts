import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  call,
  ended,
  form,
  getTask,
  parseProblem,
  parseResults,
  submit,
  waitForTask,
} from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

let server: TestServer;
const song = makeWav(1);
const api = (path: string) => `${server.url}/api/v1${path}`;
const submitSong = (fields: Record<string, string | string[]> = {}) =>
  submit(server.url, form(fields, { bytes: song, name: 'My Song.wav' }));

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.dispose());

describe('a submitted song', () => {
  test('is answered with 201, its task and where to find it, and ends completed at 100 percent', async () => {
    const answer = await call(api('/separate'), {
      method: 'POST',
      body: form({}, { bytes: song, name: 'a/b\\My Song.wav' }),
    });
    expect(answer.status).toBe(201);
    const task = answer.body as Awaited<ReturnType<typeof getTask>>;
    expect(answer.headers.get('location')).toBe(`/api/v1/tasks/${task.task_id}`);
    expect(task).toMatchObject({
      status: expect.stringMatching(/pending|processing/) as string,
      model_type: 'starter',
      input: {
        filename: 'My Song.wav',
        bytes: song.byteLength,
        sha256: createHash('sha256').update(song).digest('hex'),
        duration_seconds: 1,
        sample_rate: 44_100,
        channels: 2,
      },
      parameters: { instruments: ['drums', 'bass', 'other'], output_format: 'wav', pcm_type: 'PCM_24' },
    });
    const done = await waitForTask(server.url, task.task_id, ended);
    expect(done).toMatchObject({
      status: 'completed',
      progress: { percent: 100, stage: 'completed', eta_seconds: null },
      attempts: 1,
      error: null,
      queue_position: null,
    });
  });

  test('gives its stems whole, by range and not at all to who has them', async () => {
    const { task_id } = await submitSong({ instruments: 'BASS, drums', extract_instrumental: 'Yes' });
    await waitForTask(server.url, task_id, ended);
    const results = parseResults((await call(api(`/tasks/${task_id}/results`))).body);
    expect(results.stems.map((stem) => stem.instrument)).toEqual(['drums', 'bass', 'instrumental']);
    for (const stem of results.stems) {
      const whole = await fetch(server.url + stem.url);
      const bytes = Buffer.from(await whole.arrayBuffer());
      expect(whole.status).toBe(200);
      expect(whole.headers.get('content-type')).toBe('audio/wav');
      expect(whole.headers.get('content-length')).toBe(String(stem.bytes));
      expect(whole.headers.get('accept-ranges')).toBe('bytes');
      expect(whole.headers.get('content-disposition')).toContain(`My Song_${stem.instrument}.wav`);
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(stem.sha256);

      const part = await fetch(server.url + stem.url, { headers: { range: 'bytes=10-19' } });
      expect(part.status).toBe(206);
      expect(part.headers.get('content-range')).toBe(`bytes 10-19/${String(stem.bytes)}`);
      expect(Buffer.from(await part.arrayBuffer())).toEqual(bytes.subarray(10, 20));

      const known = await fetch(server.url + stem.url, { headers: { 'if-none-match': `"${stem.sha256}"` } });
      expect(known.status).toBe(304);
      const beyond = await fetch(server.url + stem.url, {
        headers: { range: `bytes=${String(stem.bytes)}-` },
      });
      expect(beyond.status).toBe(416);
      expect(beyond.headers.get('content-range')).toBe(`bytes */${String(stem.bytes)}`);
      const head = await fetch(server.url + stem.url, { method: 'HEAD' });
      expect([head.status, head.headers.get('content-length')]).toEqual([200, String(stem.bytes)]);
    }
  });
});

describe('a task that waits or runs', () => {
  test('is cancelled, keeps its row and leaves no result', async () => {
    await server.plan('hang');
    const running = await submitSong();
    const waiting = await submitSong();
    await waitForTask(server.url, running.task_id, (task) => task.progress.stage === 'separating');
    expect((await getTask(server.url, waiting.task_id)).queue_position).toBe(1);
    expect((await call(api(`/tasks/${running.task_id}/results`))).status).toBe(409);

    for (const { task_id } of [waiting, running]) {
      const cancelled = await call(api(`/tasks/${task_id}/cancel`), { method: 'POST' });
      expect([cancelled.status, (cancelled.body as { status: string }).status]).toEqual([200, 'cancelled']);
      const again = await call(api(`/tasks/${task_id}/cancel`), { method: 'POST' });
      expect([again.status, parseProblem(again.body).error.code]).toEqual([409, 'TASK_ALREADY_ENDED']);
      expect((await call(api(`/tasks/${task_id}/results`))).status).toBe(409);
    }
    const next = await submitSong();
    expect((await waitForTask(server.url, next.task_id, ended)).status).toBe('completed');
    expect(await server.stored('results')).not.toContain(waiting.task_id);
    expect(await server.stored(`results/${running.task_id}`)).toEqual([]);
  });

  test('is cancelled or deleted at any moment, and leaves nothing but a cancelled row', async () => {
    const before = await server.stored('results');
    const cancelled: string[] = [];
    for (let n = 0; n < 20; n += 1) {
      const { task_id } = await submitSong();
      const isCancelled = n % 2 === 0;
      // A little later each time: before the claim, in the attempt, after its end.
      await new Promise((resolve) => setTimeout(resolve, n * 2));
      const answer = isCancelled
        ? await call(api(`/tasks/${task_id}/cancel`), { method: 'POST' })
        : await call(api(`/tasks/${task_id}`), { method: 'DELETE' });
      if (answer.status === 200) cancelled.push(task_id);
      else if (answer.status === 409) await call(api(`/tasks/${task_id}`), { method: 'DELETE' });
    }
    await expect.poll(() => server.stored('results')).toEqual(before);
    await expect.poll(() => server.stored('tmp')).toEqual([]);
    for (const task_id of cancelled) expect((await getTask(server.url, task_id)).status).toBe('cancelled');
  });

  test('is deleted with its files, and is not found after', async () => {
    await server.plan('hang');
    const { task_id } = await submitSong();
    await waitForTask(server.url, task_id, (task) => task.progress.stage === 'separating');
    expect((await call(api(`/tasks/${task_id}`), { method: 'DELETE' })).status).toBe(204);
    expect((await call(api(`/tasks/${task_id}`))).status).toBe(404);
    const next = await submitSong();
    await waitForTask(server.url, next.task_id, ended);
    expect(await server.stored('results')).not.toContain(task_id);
  });

  test('is deleted after its end with mixture and stems', async () => {
    const { task_id } = await submitSong();
    await waitForTask(server.url, task_id, ended);
    const before = await server.stored('inputs');
    expect((await call(api(`/tasks/${task_id}`), { method: 'DELETE' })).status).toBe(204);
    expect(await server.stored('results')).not.toContain(task_id);
    expect((await server.stored('inputs')).length).toBe(before.length - 1);
    expect((await call(api(`/tasks/${task_id}`), { method: 'DELETE' })).status).toBe(404);
  });
});

describe('a failing attempt', () => {
  test('fails its task with the reason, at 410 for its results, and the queue goes on', async () => {
    await server.plan('fail:SEPARATION_FAILED');
    const bad = await submitSong();
    const good = await submitSong();
    const failed = await waitForTask(server.url, bad.task_id, ended);
    expect(failed).toMatchObject({
      status: 'failed',
      error: { code: 'SEPARATION_FAILED', message: 'It failed as the plan says.' },
    });
    const results = await call(api(`/tasks/${bad.task_id}/results`));
    expect([results.status, parseProblem(results.body).detail]).toEqual([410, 'It failed as the plan says.']);
    expect(JSON.stringify(results.body)).not.toContain('Traceback');
    expect((await waitForTask(server.url, good.task_id, ended)).status).toBe('completed');
  });

  test('that kills its worker is tried again on a new one', async () => {
    await server.plan('die');
    const { task_id } = await submitSong();
    const done = await waitForTask(server.url, task_id, ended);
    expect(done).toMatchObject({ status: 'completed', attempts: 2 });
    expect(await server.stored(`results/${task_id}`)).toEqual(['2']);
  });

  test('that kills two workers fails, and the next task runs', async () => {
    await server.plan('die', 'die');
    const bad = await submitSong();
    const good = await submitSong();
    expect(await waitForTask(server.url, bad.task_id, ended)).toMatchObject({
      status: 'failed',
      error: { code: 'WORKER_CRASHED' },
      attempts: 2,
    });
    expect((await waitForTask(server.url, good.task_id, ended)).status).toBe('completed');
  });
});

describe('the list of tasks', () => {
  test('is newest first and is walked by its cursor to the end, each task once', async () => {
    for (let n = 0; n < 3; n += 1) await submitSong();
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page = await call(api(`/tasks?limit=2&cursor=${cursor}`));
      const body = page.body as {
        tasks: { task_id: string; created_at: string }[];
        next_cursor: string | null;
      };
      seen.push(...body.tasks.map((task) => task.task_id));
      cursor = body.next_cursor;
    }
    expect(new Set(seen).size).toBe(seen.length);
    const all = (await call(api('/tasks?limit=200'))).body as { tasks: { task_id: string }[] };
    expect(seen).toEqual(all.tasks.map((task) => task.task_id));
  });

  test('refuses a bad limit, status and cursor together', async () => {
    const answer = await call(api('/tasks?limit=0&status=queued&cursor=x'));
    expect(answer.status).toBe(400);
    expect(parseProblem(answer.body).error.details.params?.map((param) => param.name)).toEqual([
      'status',
      'limit',
      'cursor',
    ]);
  });

  test('refuses each parameter that is given twice, in the one error shape', async () => {
    const answer = await call(api('/tasks?limit=5&limit=6&status=failed&status=failed&cursor=1&cursor=2'));
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(parseProblem(answer.body).error.details.params).toMatchObject([
      { name: 'status', received: 'failed, failed' },
      { name: 'limit', received: '5, 6' },
      { name: 'cursor', received: '1, 2' },
    ]);
  });
});

describe('what is not there', () => {
  test.each([
    ['GET', '/tasks/not-a-uuid', 404, 'TASK_NOT_FOUND'],
    ['GET', '/tasks/0b5c3f0e-8f0e-4a53-9d0d-4f8a1f6a2c11', 404, 'TASK_NOT_FOUND'],
    ['POST', '/tasks/0b5c3f0e-8f0e-4a53-9d0d-4f8a1f6a2c11/cancel', 404, 'TASK_NOT_FOUND'],
    ['GET', '/download/0b5c3f0e-8f0e-4a53-9d0d-4f8a1f6a2c11/drums.wav', 404, 'FILE_NOT_FOUND'],
    ['GET', '/download/x/..%2f..%2ftasks.db', 404, 'FILE_NOT_FOUND'],
    ['GET', '/models/nothing', 404, 'MODEL_NOT_FOUND'],
    ['GET', '/nothing', 404, 'ROUTE_NOT_FOUND'],
    ['PUT', '/separate', 405, 'METHOD_NOT_ALLOWED'],
  ])('%s %s is answered %d %s in the one error shape', async (method, path, status, code) => {
    const answer = await call(api(path), { method });
    expect([answer.status, parseProblem(answer.body).error.code]).toEqual([status, code]);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('x-request-id')).toBe(parseProblem(answer.body).request_id);
  });
});

describe('the server itself', () => {
  test('lists its models and details one', async () => {
    const list = (await call(api('/models'))).body as { models: { model_type: string }[] };
    expect(list.models[0]).toEqual({
      model_type: 'starter',
      architecture: 'mdx23c',
      config_path: 'configs/config_starter.yaml',
      checkpoint_path: 'pretrain/starter.ckpt',
      instruments: ['drums', 'bass', 'other'],
      target_instrument: null,
      sample_rate: 44_100,
      stereo: true,
      default: true,
      description: expect.stringContaining('does not separate vocals') as string,
      licence: 'MIT',
      precision: 'fp32',
      compile: false,
    });
    expect((await call(api('/models/starter'))).body).toEqual(list.models[0]);
  });

  test('is healthy with every dependency named', async () => {
    const health = await call(api('/health'));
    expect([health.status, (health.body as { status: string }).status]).toEqual([200, 'healthy']);
    expect(Object.keys((health.body as { dependencies: object }).dependencies).sort()).toEqual([
      'database',
      'disk',
      'gpu',
      'models',
      'workers',
    ]);
  });

  test('refuses a page of another origin and a forged host', async () => {
    const foreign = await call(api('/tasks/x/cancel'), {
      method: 'POST',
      headers: { origin: 'https://evil.example' },
    });
    expect([foreign.status, parseProblem(foreign.body).error.code]).toEqual([403, 'FORBIDDEN_ORIGIN']);
  });

  test('shows its documentation from its own assets only', async () => {
    const page = await (await fetch(`${server.url}/docs`)).text();
    const assets = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(assets.length).toBeGreaterThan(3);
    for (const asset of assets) {
      expect(asset.startsWith('/')).toBe(true);
      const answer = await fetch(server.url + asset);
      expect(answer.status).toBe(200);
      await answer.arrayBuffer();
    }
  });
});
