/** A submission that is sent again under its `Idempotency-Key`, through the real server. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { taskPageSchema, taskSchema } from '../../src/http/openapi/schemas.ts';
import { call, ended, form, getTask, parseProblem, waitForTask, type WireTask } from '../support/client.ts';
import { standInsOf } from '../support/standIn/standIns.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

const ANN = 'the-key-of-ann-0123456789';
const BEN = 'the-key-of-ben-0123456789';
const WEB_PAGE = 'https://app.example';
const song = makeWav(0.5);
const otherSong = makeWav(0.6);

let server: TestServer;
const api = (path: string) => `${server.url}/api/v1${path}`;

beforeAll(async () => {
  server = await startTestServer({ cors_origins: [WEB_PAGE], max_queue_size: 20 });
});
afterAll(() => server.dispose());
afterEach(async () => {
  const { body } = await call(api('/tasks?limit=200'));
  for (const { task_id } of taskPageSchema.parse(body).tasks) {
    await call(api(`/tasks/${task_id}`), { method: 'DELETE' });
  }
  await standInsOf(server).release();
  await expect.poll(() => server.stored('inputs')).toEqual([]);
});

interface Sent {
  key?: string;
  fields?: Record<string, string>;
  bytes?: Buffer;
  name?: string;
  headers?: Record<string, string>;
  at?: string;
}

/** Sends the song, under a key where one is given. */
async function send({ key, fields = {}, bytes = song, name = 'song.wav', headers = {}, at }: Sent) {
  const answer = await call(at ?? api('/separate'), {
    method: 'POST',
    body: form(fields, { bytes, name }),
    headers: { ...headers, ...(key === undefined ? {} : { 'idempotency-key': key }) },
  });
  return { ...answer, replayed: answer.headers.get('idempotent-replayed') };
}

async function sendNew(sent: Sent): Promise<WireTask> {
  const answer = await send(sent);
  expect([answer.status, answer.replayed]).toEqual([201, null]);
  return taskSchema.parse(answer.body);
}

async function expectRepeat(sent: Sent, taskId: string): Promise<WireTask> {
  const answer = await send(sent);
  expect([answer.status, answer.replayed]).toEqual([201, 'true']);
  const task = taskSchema.parse(answer.body);
  expect(task.task_id).toBe(taskId);
  expect(answer.headers.get('location')).toBe(`/api/v1/tasks/${taskId}`);
  return task;
}

describe('a submission that comes again with its key', () => {
  test('gives the task that it made, as that is now, and nothing is stored twice', async () => {
    const key = randomUUID();
    const first = await sendNew({ key });
    const uploads = await server.stored('inputs');
    const { queue_position: _, ...made } = first;
    expect(await expectRepeat({ key }, first.task_id)).toMatchObject({
      input: made.input,
      created_at: made.created_at,
    });
    await waitForTask(server.url, first.task_id, ended);
    expect(await expectRepeat({ key }, first.task_id)).toEqual(await getTask(server.url, first.task_id));
    expect(await server.stored('inputs')).toEqual(uploads);
  });

  test('is the same under another file name, and however its parameters are written', async () => {
    const key = randomUUID();
    const { task_id } = await sendNew({ key, fields: { instruments: 'bass,drums', use_tta: 'true' } });
    const again = { instruments: '["DRUMS", "bass"]', use_tta: 'Yes', output_format: 'wav' };
    await expectRepeat({ key, fields: again, name: 'copy of song.wav' }, task_id);
  });

  test.each([
    ['another file', { bytes: otherSong }],
    ['another parameter', { fields: { pcm_type: 'FLOAT' } }],
    ['other instruments', { fields: { instruments: 'bass' } }],
  ])('with %s is refused, says what to do, and leaves nothing', async (_what, change) => {
    const key = randomUUID();
    const { task_id } = await sendNew({ key });
    const uploads = await server.stored('inputs');
    const answer = await send({ key, ...change });
    const problem = parseProblem(answer.body);
    expect([answer.status, problem.error.code]).toEqual([409, 'IDEMPOTENCY_KEY_REUSED']);
    expect(problem.detail).toContain('Use a new key for each new submission.');
    expect(answer.headers.get('idempotent-replayed')).toBeNull();
    expect(await server.stored('inputs')).toEqual(uploads);
    await expectRepeat({ key }, task_id);
  });

  test('makes a new task once the first is deleted', async () => {
    const key = randomUUID();
    const { task_id } = await sendNew({ key });
    expect((await call(api(`/tasks/${task_id}`), { method: 'DELETE' })).status).toBe(204);
    expect((await sendNew({ key })).task_id).not.toBe(task_id);
  });

  test('gives a cancelled task as that: a key is for one task, however it ended', async () => {
    await standInsOf(server).hold('separating');
    const key = randomUUID();
    const { task_id } = await sendNew({ key });
    expect((await call(api(`/tasks/${task_id}/cancel`), { method: 'POST' })).status).toBe(200);
    expect(await expectRepeat({ key }, task_id)).toMatchObject({ status: 'cancelled' });
  });

  test('has its answer also when the queue is full meanwhile', async () => {
    await standInsOf(server).hold('separating');
    const key = randomUUID();
    const { task_id } = await sendNew({ key });
    while ((await send({})).status !== 503);
    await expectRepeat({ key }, task_id);
    expect((await send({ key: randomUUID() })).status).toBe(503);
  });

  test('was not remembered when it was refused: mended, it may come under the same key', async () => {
    const key = randomUUID();
    expect((await send({ key, fields: { use_tta: 'perhaps' } })).status).toBe(400);
    expect((await send({ key, bytes: Buffer.from('no audio') })).status).toBe(400);
    await sendNew({ key });
  });

  test('at the same moment many times makes one task', async () => {
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 8 }, () => send({ key })));
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(201));
    expect(new Set(answers.map(({ body }) => taskSchema.parse(body).task_id)).size).toBe(1);
    expect(answers.filter(({ replayed }) => replayed === null)).toHaveLength(1);
    expect(await server.stored('inputs')).toHaveLength(1);
  });

  test('at the same moment with another file makes one task and one refusal', async () => {
    const key = randomUUID();
    const answers = await Promise.all([send({ key }), send({ key, bytes: otherSong })]);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
  });
});

test('without a key, or with another one, the same song is another task', async () => {
  const key = randomUUID();
  const ids = new Set<string>();
  for (const sent of [{ key }, { key: key.toUpperCase() }, {}, {}]) ids.add((await sendNew(sent)).task_id);
  expect(ids.size).toBe(4);
});

test('any 1 to 255 visible ASCII characters are a key', async () => {
  const visible = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code));
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: visible, minLength: 1, maxLength: 255 }), async (key) => {
      const first = await send({ key });
      expect(first.status).toBe(201);
      await expectRepeat({ key }, taskSchema.parse(first.body).task_id);
      await call(api(`/tasks/${taskSchema.parse(first.body).task_id}`), { method: 'DELETE' });
    }),
    { numRuns: 20, examples: [['x'.repeat(255)], ['"quoted"']] },
  );
});

test.each([
  ['an empty one', ''],
  ['a blank', 'two words'],
  ['256 characters', 'x'.repeat(256)],
  ['a letter beyond ASCII', 'schlüssel'],
])('%s is no key: refused before the body is read', async (_what, key) => {
  const answer = await call(api('/separate'), {
    method: 'POST',
    // No form at all, which would be told if it were read.
    body: 'no form',
    headers: { 'idempotency-key': key },
  });
  expect(answer.status).toBe(400);
  expect(parseProblem(answer.body).error).toMatchObject({
    code: 'INVALID_PARAMETERS',
    details: {
      params: [
        { name: 'Idempotency-Key', allowed: expect.stringContaining('1 to 255 visible ASCII') as string },
      ],
    },
  });
});

test('a web page of an allowed origin may send the key and read that its submission came again', async () => {
  const preflight = await fetch(api('/separate'), {
    method: 'OPTIONS',
    headers: {
      origin: WEB_PAGE,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'idempotency-key',
    },
  });
  expect(preflight.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('idempotency-key');
  const { headers } = await send({ headers: { origin: WEB_PAGE } });
  expect(headers.get('access-control-expose-headers')).toContain('Idempotent-Replayed');
});

test('the same key of two owners is two keys', async () => {
  const guarded = await startTestServer({
    enable_auth: true,
    api_keys: [
      { name: 'ann', key: ANN },
      { name: 'ben', key: BEN },
    ],
  });
  try {
    const at = `${guarded.url}/api/v1/separate`;
    const as = (secret: string) => ({ key: 'mine', at, headers: { authorization: `Bearer ${secret}` } });
    const ofAnn = await sendNew(as(ANN));
    const ofBen = await sendNew(as(BEN));
    expect(ofBen.task_id).not.toBe(ofAnn.task_id);
    await expectRepeat(as(ANN), ofAnn.task_id);
    await expectRepeat(as(BEN), ofBen.task_id);
  } finally {
    await guarded.dispose();
  }
});
