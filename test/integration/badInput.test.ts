/** Everything hostile that can be sent to POST /separate: a clear 400, and nothing left behind. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, form, parseProblem, taskFilename } from '../support/client.ts';
import { makeAudio } from '../support/python.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

let server: TestServer;
let files: string;
const song = makeWav(0.5);
const MAX_BYTES = 8_000_000;

beforeAll(async () => {
  server = await startTestServer({ max_file_size: MAX_BYTES, max_audio_duration: '9h' });
  files = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-bad-'));
});
afterAll(async () => {
  await server.dispose();
  await rm(files, { recursive: true, force: true });
});

const separate = (body: FormData) => call(`${server.url}/api/v1/separate`, { method: 'POST', body });

/** Nothing of a refused upload stays: no file, no row. */
async function expectNothingLeft(): Promise<void> {
  await expect.poll(() => server.stored('inputs'), { timeout: 5_000 }).toEqual([]);
  expect((await call(`${server.url}/api/v1/tasks`)).body).toEqual({ tasks: [], next_cursor: null });
}

describe('a file that is no usable audio', () => {
  test.each([
    ['empty', 'INVALID_AUDIO', 'empty'],
    ['text', 'UNSUPPORTED_FORMAT', 'WAV, FLAC, MP3, OGG'],
    ['random', 'UNSUPPORTED_FORMAT', 'WAV, FLAC, MP3, OGG'],
    ['ffconcat', 'UNSUPPORTED_FORMAT', 'WAV, FLAC, MP3, OGG'],
    ['flac-cut', 'INVALID_AUDIO', 'truncated'],
    ['m4a-cut', 'INVALID_AUDIO', 'truncated'],
    ['m4a-faststart-cut', 'INVALID_AUDIO', 'truncated'],
    ['mp4-video-only', 'INVALID_AUDIO', 'no audio'],
    ['wav-no-samples', 'INVALID_AUDIO', 'empty'],
    ['flac-no-samples', 'INVALID_AUDIO', 'empty'],
    ['wav-1hz', 'INVALID_AUDIO', '1 Hz'],
    ['wav-10mhz', 'INVALID_AUDIO', '10000000 Hz'],
    ['wav-96-channels', 'INVALID_AUDIO', '96 channels'],
    ['flac-10h-silence', 'AUDIO_TOO_LONG', '36000 s long; at most 32400 s'],
  ])('%s: 400 %s, saying "%s"', async (kind, code, words) => {
    const file = await makeAudio(kind, path.join(files, 'song.wav'));
    const answer = await separate(form({}, { bytes: await readFile(file), name: 'song.wav' }));
    const problem = parseProblem(answer.body);
    expect([answer.status, problem.error.code]).toEqual([400, code]);
    expect(problem.detail).toContain(words);
    expect(JSON.stringify(problem)).not.toContain(server.dataDir);
    await expectNothingLeft();
  });
});

describe('a file over the limit', () => {
  test('is refused by its Content-Length before its body is read', async () => {
    const answer = await rawUpload({ declared: 600_000_000, sent: Buffer.alloc(0) });
    expect(answer).toContain('HTTP/1.1 400');
    expect(answer).toContain('FILE_TOO_LARGE');
    await expectNothingLeft();
  });

  test('is refused while it arrives when nobody said how long it is', async () => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(head('file', 'big.wav'));
      },
      pull(controller) {
        controller.enqueue(new Uint8Array(1_000_000));
      },
    });
    const answer = await call(`${server.url}/api/v1/separate`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'multipart/form-data; boundary=xx' },
      duplex: 'half',
    });
    expect([answer.status, parseProblem(answer.body).error.code]).toEqual([400, 'FILE_TOO_LARGE']);
    await expectNothingLeft();
  });

  test('is refused from the first byte above it, and taken at it', async () => {
    const exact = Buffer.concat([makeWav(1), Buffer.alloc(MAX_BYTES)]).subarray(0, MAX_BYTES);
    const above = await separate(form({}, { bytes: Buffer.concat([exact, Buffer.alloc(1)]) }));
    expect([above.status, parseProblem(above.body).error.code]).toEqual([400, 'FILE_TOO_LARGE']);
    await expectNothingLeft();
    const at = await separate(form({}, { bytes: exact }));
    expect(at.status).toBe(201);
    const { task_id } = at.body as { task_id: string };
    await call(`${server.url}/api/v1/tasks/${task_id}`, { method: 'DELETE' });
    await expectNothingLeft();
  });
});

describe('a broken form', () => {
  test.each([
    ['no boundary', 'multipart/form-data', 'x'],
    ['a boundary that never comes', 'multipart/form-data; boundary=xx', 'no boundary in here'],
    ['an end that never comes', 'multipart/form-data; boundary=xx', `${String(head('file', 'a.wav'))}abc`],
    ['JSON', 'application/json', '{}'],
    ['nothing', 'text/plain', ''],
  ])('with %s: 400', async (_name, type, body) => {
    const answer = await call(`${server.url}/api/v1/separate`, {
      method: 'POST',
      body,
      headers: { 'content-type': type },
    });
    expect([answer.status, parseProblem(answer.body).error.code]).toEqual([400, 'INVALID_MULTIPART']);
    await expectNothingLeft();
  });

  test('without a file, with two, or with a field twice: each named', async () => {
    const none = await separate(form({ model_type: 'starter' }));
    expect([none.status, parseProblem(none.body).error.details.params?.[0]?.name]).toEqual([400, 'file']);
    const two = form({}, { bytes: song });
    two.append('audio', new Blob([new Uint8Array(song)]), 'second.wav');
    expect(parseProblem((await separate(two)).body).detail).toContain('2 files');
    const twice = await separate(form({ model_type: ['starter', 'starter'] }, { bytes: song }));
    expect(parseProblem(twice.body).error.details.params?.[0]?.name).toBe('model_type');
    await expectNothingLeft();
  });

  test('aborted in mid-upload leaves nothing', async () => {
    const socket = net.connect(Number(new URL(server.url).port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write(requestHead(5_000_000));
    socket.write(head('file', 'song.wav'));
    socket.write(Buffer.alloc(1_000_000));
    await expect.poll(() => server.stored('inputs'), { timeout: 5_000 }).toHaveLength(1);
    socket.destroy();
    await expectNothingLeft();
  });
});

test('every bad parameter is reported at once, with what is valid', async () => {
  const fields = {
    model_type: 'statrer',
    use_tta: 'maybe',
    output_format: 'mp3',
    pcm_type: 'PCM_8',
    bigshifts: 'many',
    // Too many for any model, so told although the model is not known.
    batch_size: '65',
    wrong_field: '1',
  };
  const answer = await separate(form(fields, { bytes: song }));
  const { details } = parseProblem(answer.body).error;
  expect(answer.status).toBe(400);
  expect(details.params?.map((param) => param.name).sort()).toEqual(Object.keys(fields).sort());
  expect(details.params?.find((param) => param.name === 'model_type')?.did_you_mean).toBe('starter');
  expect(details.valid_model_types).toEqual(['starter']);

  const options = {
    instruments: 'drums,vocals',
    output_format: 'flac',
    pcm_type: 'FLOAT',
    bigshifts: '17',
    batch_size: '0',
  };
  const second = parseProblem((await separate(form(options, { bytes: song }))).body).error.details;
  expect([...new Set(second.params?.map((param) => param.name))].sort()).toEqual([
    'batch_size',
    'bigshifts',
    'instruments',
    'pcm_type',
  ]);
  expect(second.valid_instruments).toEqual(['drums', 'bass', 'other']);
  await expectNothingLeft();
});

test.each([
  ['../../etc/passwd.wav', 'passwd.wav'],
  ['..\\..\\boot.wav', 'boot.wav'],
  ['a"b\'c.wav', 'a"b\'c.wav'],
  ['two\nlines\r.wav', 'two%0alines%0d.wav'],
  ['🎵 песня.wav', '🎵 песня.wav'],
  [`${'x'.repeat(300)}.wav`, `${'x'.repeat(196)}.wav`],
])('the file name %j is shown as %j and never used as a path', async (name, shown) => {
  const answer = await rawUpload({
    sent: Buffer.concat([head('file', name), song, Buffer.from('\r\n--xx--\r\n')]),
  });
  expect(answer).toContain('HTTP/1.1 201');
  const task = taskFilename(answer);
  expect(task.filename).toBe(shown);
  expect(await server.stored(`inputs/${(await server.stored('inputs'))[0] ?? ''}`)).toEqual(['mixture.wav']);
  await call(`${server.url}/api/v1/tasks/${task.taskId}`, { method: 'DELETE' });
  await expectNothingLeft();
});

/** The head of a form part, with its file name as a hostile client would write it. */
function head(field: string, filename: string): Buffer {
  const quoted = filename
    .replace(/"/g, '\\"')
    .replace(/\r?\n|\r/g, (end) => encodeURIComponent(end).toLowerCase());
  return Buffer.from(`--xx\r\nContent-Disposition: form-data; name="${field}"; filename="${quoted}"\r\n\r\n`);
}

const requestHead = (length: number) =>
  `POST /api/v1/separate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n` +
  `Content-Type: multipart/form-data; boundary=xx\r\nContent-Length: ${String(length)}\r\n\r\n`;

/** Sends bytes as they are, and gives the whole answer as text. */
async function rawUpload({ sent, declared }: { sent: Buffer; declared?: number }): Promise<string> {
  const socket = net.connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.write(requestHead(declared ?? sent.byteLength));
  socket.write(sent);
  let answer = '';
  socket.on('data', (data: Buffer) => (answer += data.toString()));
  await once(socket, 'close');
  return answer;
}
