import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../../src/errors.ts';
import { unknownModel } from '../../../../src/models/catalog/modelErrors.ts';
import type { ModelCatalog } from '../../../../src/models/catalog/modelCatalog.ts';
import type { Uploads } from '../../../../src/service/upload.ts';
import type { Submission, SubmittedView, TaskService } from '../../../../src/service/taskService.ts';
import { form } from '../../../support/client.ts';
import { startHttpApp, type HttpApp } from '../../../support/httpApp.ts';
import { runningTask } from '../../../support/newTask.ts';
import { sendRaw } from '../../../support/rawHttp.ts';
import { starterModel } from '../../../support/starterModel.ts';

const TASK = 'c0ffee00-0000-4000-8000-000000000000';
const song = { bytes: Buffer.from('RIFF of a song'), name: '/music/song.wav' };
const KEY = 'key-of-ann-0123456789';

let app: HttpApp;
let admitted: unknown[][];
let submitted: Submission[];
let received: Map<string, string>;
let earlierTaskId: string | undefined;
let outcome: Partial<SubmittedView> | AppError;

/** Receives files into memory. */
const uploads: Uploads = {
  receive: async (source) => {
    const inputId = randomUUID();
    received.set(inputId, (await buffer(source)).toString());
    let isKept = false;
    return {
      inputId,
      bytes: 1,
      sha256: 'ab'.repeat(32),
      localPath: '/nowhere',
      commit: () => Promise.resolve(inputId),
      keep: () => {
        isKept = true;
      },
      discard: () => {
        if (!isKept) received.delete(inputId);
        return Promise.resolve();
      },
    };
  },
  isOpen: () => false,
};

/** A service that keeps what it was given. */
const service: Partial<TaskService> = {
  admit: (...asked) => {
    admitted.push(asked);
    return Promise.resolve(earlierTaskId);
  },
  submit: (submission) => {
    submitted.push(submission);
    if (outcome instanceof AppError) return Promise.reject(outcome);
    submission.upload.keep();
    return Promise.resolve({
      task: runningTask({ taskId: TASK, status: 'pending' }),
      progress: { percent: 0, stage: 'queued', etaSeconds: null, updatedAt: 0 },
      queuePosition: 1,
      isRepeat: false,
      waitedMs: 0.6,
      ...outcome,
    });
  },
};
const model = starterModel();
let findModel: ModelCatalog['require'];

async function start(options: Parameters<typeof startHttpApp>[1] = {}, given: Partial<TaskService> = {}) {
  app = await startHttpApp(
    {
      tasks: { ...service, ...given },
      uploads,
      catalog: { require: (modelType) => findModel(modelType), list: () => [model] },
      publicUrl: 'http://localhost/base',
    },
    options,
  );
}
const submit = (
  fields: Record<string, string> = {},
  init: RequestInit = {},
  file: typeof song | null = song,
) => app.ask('/separate', { method: 'POST', body: form(fields, file ?? undefined), ...init });
const problemsOf = async (answer: Response) => {
  const { error } = (await answer.json()) as { error: { message: string; details: Record<string, unknown> } };
  return error;
};

beforeEach(() => {
  admitted = [];
  submitted = [];
  received = new Map();
  outcome = {};
  earlierTaskId = undefined;
  findModel = () => Promise.resolve(model);
});
afterEach(() => app.close());

describe('a submission', () => {
  test('becomes a task: where it is, how long it waited, and in which request it came', async () => {
    await start();
    const answer = await submit();
    expect(answer.status).toBe(201);
    expect(answer.headers.get('location')).toBe(`http://localhost/base/api/v1/tasks/${TASK}`);
    expect(answer.headers.get('server-timing')).toBe('wait;dur=1');
    expect(answer.headers.has('idempotent-replayed')).toBe(false);
    expect(await answer.json()).toMatchObject({ task_id: TASK, status: 'pending' });
    expect(submitted).toMatchObject([{ requestId: answer.headers.get('x-request-id') }]);
    expect([...received.values()]).toEqual(['RIFF of a song']);
  });

  test('is handed on with all it said', async () => {
    await start();
    await submit({ instruments: 'bass', output_format: 'flac' }, { headers: { 'idempotency-key': 'k1' } });
    expect(submitted).toMatchObject([
      {
        owner: null,
        caller: '127.0.0.1',
        filename: 'song.wav',
        model: { name: 'starter' },
        options: { instruments: ['bass'], outputFormat: 'flac' },
        idempotencyKey: 'k1',
        upload: { inputId: [...received.keys()][0] },
      },
    ]);
  });

  test('takes turns by its key, not by its address, and belongs to the key', async () => {
    const sha256 = (await import('node:crypto')).createHash('sha256').update(KEY).digest('hex');
    await start({ rules: { apiKeys: [{ name: 'ann', sha256 }] } });
    await submit({}, { headers: { authorization: `Bearer ${KEY}`, 'idempotency-key': 'k1' } });
    expect(submitted).toMatchObject([{ owner: 'ann', caller: 'ann' }]);
    expect(admitted).toEqual([[expect.any(Number), { owner: 'ann', idempotencyKey: 'k1' }]]);
  });

  test('that came before says so, and is told to the log as that', async () => {
    outcome = { isRepeat: true };
    earlierTaskId = TASK;
    await start();
    const answer = await submit();
    expect([answer.status, answer.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
    expect(answer.headers.get('location')).toMatch(TASK);
    expect(submitted).toMatchObject([{ earlierTaskId: TASK }]);
    expect(app.lines).toContainEqual(
      expect.objectContaining({ msg: 'a submission was repeated', taskId: TASK }),
    );
  });

  test('that is refused in the end leaves no file', async () => {
    outcome = new AppError('QUEUE_FULL', 'The queue is full.');
    await start();
    expect((await submit()).status).toBe(503);
    expect(submitted).toHaveLength(1);
    expect(received.size).toBe(0);
  });
});

describe('what is wrong with a form', () => {
  test.each([
    [
      'there is no file',
      null,
      [{ name: 'file', message: 'The file is missing: send the recording as the part `file`.' }],
    ],
  ])('where %s is said', async (_, file, params) => {
    await start();
    const answer = await submit({}, {}, file);
    expect(answer.status).toBe(400);
    expect((await problemsOf(answer)).details).toEqual({ params });
    expect(submitted).toEqual([]);
  });

  test('where there are three files is how many, and none of them is kept', async () => {
    await start();
    const body = form({}, song);
    for (const name of ['file', 'audio']) body.append(name, new Blob(['x']), 'x.wav');
    const answer = await submit({}, { body });
    expect((await problemsOf(answer)).details).toEqual({
      params: [{ name: 'file', message: 'There are 3 files; one is allowed.' }],
    });
    expect([answer.status, received.size, submitted.length]).toEqual([400, 0, 0]);
  });

  test('that breaks behind its file is an error, and the file is not kept', async () => {
    await start();
    const body = form({}, song);
    body.append('model_type', 'x'.repeat(70_000));
    const answer = await submit({}, { body });
    expect([answer.status, submitted, received.size]).toEqual([400, [], 0]);
  });

  test('is told all at once, with what is valid where a name is unknown', async () => {
    findModel = async () => ({ problem: unknownModel('statrer', ['starter']) });
    await start();
    const answer = await submit({ model_type: 'statrer', bigshifts: '17', use_tta: 'perhaps' }, {}, null);
    const { message, details } = await problemsOf(answer);
    const params = details['params'] as { name: string; message: string }[];
    expect(params.map(({ name }) => name)).toEqual(['file', 'use_tta', 'model_type', 'bigshifts']);
    expect(message).toBe(params.map((problem) => problem.message).join(' '));
    expect(details).toMatchObject({ valid_model_types: ['starter'] });
    expect(details).not.toHaveProperty('valid_instruments');
  });

  test('tells the instruments of the model where one is unknown', async () => {
    await start();
    const { details } = await problemsOf(await submit({ instruments: 'piano' }));
    expect(details).toMatchObject({
      params: [{ name: 'instruments' }],
      valid_instruments: ['drums', 'bass', 'other'],
    });
    expect(details).not.toHaveProperty('valid_model_types');
  });

  test('names the model that was asked for, or none', async () => {
    const asked: (string | undefined)[] = [];
    findModel = (modelType) => {
      asked.push(modelType);
      return Promise.resolve(model);
    };
    await start();
    await submit({ model_type: 'starter' });
    await submit();
    expect(asked).toEqual(['starter', undefined]);
  });

  test('is not told where the model itself is broken: that is an error of the server', async () => {
    findModel = () => Promise.reject(new AppError('MODEL_UNAVAILABLE', 'The model is broken.'));
    await start();
    const answer = await submit({ bigshifts: '17' });
    expect([answer.status, (await problemsOf(answer)).message]).toEqual([500, 'The model is broken.']);
    expect(received.size).toBe(0);
  });
});

describe('before the body is read', () => {
  const head = (...lines: string[]) =>
    ['POST /api/v1/separate HTTP/1.1', 'Host: localhost', ...lines, '', ''].join('\r\n');

  test('what stands in the query string is refused, and nobody is asked for room', async () => {
    await start();
    const answer = await app.ask('/separate?bigshifts=2', { method: 'POST', body: form({}, song) });
    expect([answer.status, admitted, received.size]).toEqual([400, [], 0]);
  });

  test('a key that is none is refused', async () => {
    await start();
    expect((await submit({}, { headers: { 'idempotency-key': 'two words' } })).status).toBe(400);
    expect(admitted).toEqual([]);
  });

  test('the service is told how long it is, where that is known', async () => {
    await start({}, { admit: (length) => Promise.reject(new AppError('QUEUE_FULL', String(length))) });
    const [withLength] = await sendRaw(app.url, [head('Content-Length: 123', 'Expect: 100-continue')]);
    const [chunked] = await sendRaw(app.url, [head('Transfer-Encoding: chunked', 'Expect: 100-continue')]);
    expect(
      [withLength?.body, chunked?.body].map((body) => (JSON.parse(body ?? '') as { detail: string }).detail),
    ).toEqual(['123', 'null']);
  });

  test('a client that waits for 100-continue and is refused sends no body: its connection ends', async () => {
    await start({}, { admit: () => Promise.reject(new AppError('QUEUE_FULL', 'Full.')) });
    const answers = await sendRaw(app.url, [head('Content-Length: 9', 'Expect: 100-continue')]);
    expect(answers).toHaveLength(1);
    expect([answers[0]?.status, answers[0]?.headers.get('connection')]).toEqual([503, 'close']);
  });

  test('a client that does not wait may use its connection again', async () => {
    await start({}, { admit: () => Promise.reject(new AppError('QUEUE_FULL', 'Full.')) });
    const answer = await submit();
    expect([answer.status, answer.headers.get('connection')]).toEqual([503, 'keep-alive']);
  });

  test('a client that waits for 100-continue is told to go on, once there is room', async () => {
    await start();
    const sent = request(`${app.url}/api/v1/separate`, {
      method: 'POST',
      headers: { expect: '100-continue', 'content-type': 'multipart/form-data; boundary=b' },
    });
    sent.flushHeaders();
    await once(sent, 'continue');
    expect(admitted).toEqual([[null, { owner: null, idempotencyKey: undefined }]]);
    sent.end('--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\r\n--b--\r\n');
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).toBe(201);
  });

  test.each([
    ['expects something else', 'HTTP/1.1', 'Expect: wonders'],
    ['expects something like it', 'HTTP/1.1', 'Expect: 100-continued'],
    ['speaks HTTP/1.0, which knows no such wait,', 'HTTP/1.0', 'Expect: 100-continue'],
  ])('a client that %s is not told to go on', async (_, version, expectation) => {
    await start();
    const part = 'Content-Disposition: form-data; name="file"; filename="a.wav"';
    const body = `--b\r\n${part}\r\n\r\nRIFF\r\n--b--\r\n`;
    const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
    socket.end(
      [
        `POST /api/v1/separate ${version}`,
        'Host: localhost',
        'Content-Type: multipart/form-data; boundary=b',
        `Content-Length: ${String(body.length)}`,
        expectation,
        '',
        body,
      ].join('\r\n'),
    );
    const received = (await socket.toArray()).join('');
    expect(received).toMatch(/^HTTP\/1\.1 201 /);
    expect(received).not.toContain('100 Continue');
  });

  test('what is no error of the client closes nothing by itself', async () => {
    await start({}, { admit: () => Promise.reject(new Error('broken')) });
    expect((await submit()).status).toBe(500);
  });
});
