/** What POST /separate takes and refuses, and what becomes of it; while one task keeps the only worker. */
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { taskSchema } from '../../src/http/openapi/schemas.ts';
import { anyWav, writeWav } from '../support/anyWav.ts';
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
import { listModels, type ListedModels } from '../support/listedModels.ts';
import { makeSongs, SONG_KINDS } from '../support/songs.ts';
import { standInsOf } from '../support/standIn/standIns.ts';
import {
  badSubmission,
  expectedParameters,
  LISTED,
  MODELS,
  shownName,
  validSubmission,
} from '../support/submissions.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

// Each holds over many histories, and the machine may be busy with other tests.
vi.setConfig({ testTimeout: 120_000 });

const MAX_BYTES = 50_000;
const NOT_AUDIO = [
  'empty',
  'text',
  'ffconcat',
  'sdp',
  'm3u8',
  'aiff',
  'matroska',
  'mp4-video-only',
  'wav-no-samples',
  'flac-no-samples',
  'mp3-no-samples',
  'm4a-no-samples',
] as const;
const UUID4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

let server: TestServer;
let models: ListedModels;
let songs: Record<(typeof SONG_KINDS)[number] | (typeof NOT_AUDIO)[number], Buffer>;
let blocker: string;
const song = makeWav(0.1);

beforeAll(async () => {
  models = await listModels(LISTED);
  songs = await makeSongs([...SONG_KINDS, ...NOT_AUDIO]);
  server = await startTestServer({
    max_file_size: MAX_BYTES,
    models: models.entries,
    default_model_type: MODELS.default,
  });
  blocker = await block();
});
afterAll(async () => {
  await server.dispose();
  await models.dispose();
});
// What failed must not make the next one fail.
afterEach(async () => {
  for (const taskId of await taskIds()) {
    if (taskId !== blocker) await api(`/tasks/${taskId}`, { method: 'DELETE' });
  }
});

/** Gives the worker a task that it keeps until it is cancelled. */
async function block(): Promise<string> {
  await server.plan('hang');
  const { task_id } = await submit(server.url, form({}, { bytes: song }));
  await waitForTask(server.url, task_id, (task) => task.progress.stage === 'separating');
  return task_id;
}

const api = (path: string, init?: RequestInit) => call(`${server.url}/api/v1${path}`, init);
const separate = (body: FormData) => api('/separate', { method: 'POST', body });

async function taskIds(): Promise<string[]> {
  const { tasks } = (await api('/tasks?limit=200')).body as { tasks: { task_id: string }[] };
  return tasks.map((task) => task.task_id);
}

/** Deletes a task, or has nothing to delete; then only the first task and its upload are there. */
async function expectOnlyTheFirst(taskId?: string): Promise<void> {
  if (taskId !== undefined) {
    expect((await api(`/tasks/${taskId}`, { method: 'DELETE' })).status).toBe(204);
  }
  expect(await taskIds()).toEqual([blocker]);
  await expect.poll(() => server.stored('inputs')).toHaveLength(1);
}

const fileName = fc.oneof(
  fc.constantFrom(
    'song.wav',
    'song.flac',
    'song.mp3',
    'song.ogg',
    'song.m4a',
    'song.txt',
    'song',
    '.',
    '🎵.exe',
  ),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
);
const songKind = fc.constantFrom(...SONG_KINDS);

test('Property 1: a file of any of the five formats is taken up to the size limit, to the byte, whatever it is called, and refused above it', async () => {
  const size = fc.oneof(
    fc.constantFrom(MAX_BYTES - 1, MAX_BYTES, MAX_BYTES + 1),
    fc.integer({ min: MAX_BYTES / 2, max: 2 * MAX_BYTES }),
    fc.constant(0),
  );
  await fc.assert(
    fc.asyncProperty(songKind, size, fileName, async (kind, wanted, name) => {
      // Some zeros behind the sound are no part of it, in any format; they count as bytes all the same.
      const bytes = Buffer.concat([songs[kind], Buffer.alloc(Math.max(0, wanted - songs[kind].length))]);
      const answer = await separate(form({}, { bytes, name }));
      if (bytes.length <= MAX_BYTES) {
        expect(answer.status).toBe(201);
        const task = taskSchema.parse(answer.body);
        expect(task.input.bytes).toBe(bytes.length);
        await expectOnlyTheFirst(task.task_id);
      } else {
        const problem = parseProblem(answer.body);
        expect([answer.status, problem.error.code]).toEqual([400, 'FILE_TOO_LARGE']);
        expect(problem.detail).toContain('at most 50000 bytes');
        await expectOnlyTheFirst();
      }
    }),
    { numRuns: 30 },
  );
});

const magic = fc.constantFrom(
  'RIFF\0\0\0\0WAVEfmt ',
  'fLaC\0\0\0\x22',
  'OggS\0\x02',
  'ID3\x03\0',
  '\0\0\0\x20ftypM4A ',
);
const noise = fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes));
const noAudio = fc.oneof(
  noise,
  fc.tuple(magic, noise).map(([start, rest]) => Buffer.concat([Buffer.from(start, 'latin1'), rest])),
  fc.constantFrom(...NOT_AUDIO).map((kind) => ({ kind })),
);
// The format tells where these were cut; a WAV or an Ogg that was cut looks whole.
const cut = fc.record({
  kind: fc.constantFrom('flac', 'mp3', 'm4a-aac', 'm4a-alac'),
  fraction: fc.double({ min: 0, max: 0.9, noNaN: true }),
});
const damaged = fc.record({ kind: songKind, at: fc.double({ min: 0, max: 0.99, noNaN: true }), noise });

type Content =
  | Buffer
  | { kind: keyof typeof songs }
  | { kind: keyof typeof songs; fraction: number }
  | { kind: keyof typeof songs; at: number; noise: Buffer };

test('Property 2: a file is taken only if it holds audio that can be read, and its task then says what is in it', async () => {
  const hostile = fc.oneof(
    noAudio.map((content: Content) => ({ content, mayBeRead: false })),
    cut.map((content: Content) => ({ content, mayBeRead: false })),
    damaged.map((content: Content) => ({ content, mayBeRead: true })),
  );
  const bytesOf = (content: Content): Buffer => {
    if (Buffer.isBuffer(content)) return content;
    const whole = songs[content.kind];
    if ('fraction' in content) return whole.subarray(0, Math.floor(whole.length * content.fraction));
    if (!('at' in content)) return whole;
    const changed = Buffer.from(whole);
    content.noise.copy(changed, Math.floor(whole.length * content.at));
    return changed;
  };
  await fc.assert(
    fc.asyncProperty(hostile, fileName, async ({ content, mayBeRead }, name) => {
      const bytes = bytesOf(content);
      const answer = await separate(form({}, { bytes, name }));
      if (mayBeRead && answer.status === 201) {
        const { task_id, input } = taskSchema.parse(answer.body);
        expect(input.duration_seconds).toBeGreaterThan(0);
        await expectOnlyTheFirst(task_id);
        return;
      }
      const problem = parseProblem(answer.body);
      expect(answer.status).toBe(400);
      expect(['INVALID_AUDIO', 'UNSUPPORTED_FORMAT']).toContain(problem.error.code);
      expect(problem.detail).toMatch(/\S.*\.$/);
      expect(JSON.stringify(problem)).not.toContain(server.dataDir);
      await expectOnlyTheFirst();
    }),
    { numRuns: 30 },
  );
  await fc.assert(
    fc.asyncProperty(anyWav, fileName, async (wav, name) => {
      const { rate, channels, frames } = wav;
      const bytes = writeWav(wav);
      const answer = await separate(form({}, { bytes, name }));
      expect(answer.status).toBe(201);
      const { task_id, input } = taskSchema.parse(answer.body);
      expect(input).toMatchObject({ sample_rate: rate, channels, bytes: bytes.length });
      expect(input.duration_seconds).toBeCloseTo(frames / rate, 6);
      await expectOnlyTheFirst(task_id);
    }),
    { numRuns: 15 },
  );
});

test('Property 3: every parameter is optional and is taken in each of its spellings; the task says what it resolved to, its worker is told the same, and its stems are those', async () => {
  const free = await startTestServer({ models: models.entries, default_model_type: MODELS.default });
  onTestFinished(() => free.dispose());
  const file = fc.constantFrom('file', 'audio');
  await fc.assert(
    fc.asyncProperty(validSubmission, file, async ({ fields, meant }, field) => {
      const body = form(fields);
      body.append(field, new Blob([new Uint8Array(song)]), 'song.wav');
      const answer = await call(`${free.url}/api/v1/separate`, { method: 'POST', body });
      expect([answer.status, answer.body]).toEqual([201, expect.anything()]);
      const task = taskSchema.parse(answer.body);
      const expected = expectedParameters(meant);
      expect(task.model_type).toBe(meant.model);
      expect(task.parameters).toEqual(expected);

      const done = await waitForTask(free.url, task.task_id, ended);
      expect([done.status, done.parameters]).toEqual(['completed', expected]);
      const told = (await standInsOf(free).diary()).filter(({ task_id }) => task_id === task.task_id);
      const params = told.find(({ event }) => event === 'begin')?.params;
      expect(params).toMatchObject({ model: { name: meant.model }, options: expected });
      const results = await call(`${free.url}/api/v1/tasks/${task.task_id}/results`);
      const { stems } = parseResults(results.body);
      expect(stems.map(({ instrument, format }) => [instrument, format])).toEqual(
        [...expected.instruments, ...(expected.extract_instrumental ? ['instrumental'] : [])].map(
          (instrument) => [instrument, expected.output_format],
        ),
      );
    }),
    { numRuns: 30 },
  );
});

test('Property 4: every invalid parameter is named at once, and no other; valid models and instruments are listed', async () => {
  await fc.assert(
    fc.asyncProperty(badSubmission, async ({ fields, bad, files, model }) => {
      const body = form(fields);
      for (let n = 0; n < files; n += 1) body.append('file', new Blob([new Uint8Array(song)]), 'song.wav');
      const answer = await separate(body);
      expect(answer.status).toBe(400);
      const { code, details } = parseProblem(answer.body).error;
      expect(code).toBe('INVALID_PARAMETERS');
      const named = new Set(details.params?.map((param) => param.name));
      expect([...named].sort()).toEqual([...new Set(bad.map(shownName))].sort());
      for (const param of details.params ?? []) expect(param.message).toMatch(/\S.*[.:]/s);
      if (bad.includes('model_type')) expect(details.valid_model_types).toEqual(MODELS.names);
      if (bad.includes('instruments') && model) {
        expect(details.valid_instruments).toEqual(MODELS.outputs[model]);
      }
      await expectOnlyTheFirst();
    }),
    { numRuns: 50 },
  );
});

test('Property 5: every accepted submission is a task of its own, with an id that no other has', async () => {
  const seen = new Set<string>();
  const submissions = fc.array(
    fc.record({
      name: fc.stringMatching(/^[a-z]{1,8}$/).map((base) => `${base}.wav`),
      wav: anyWav,
      isSame: fc.boolean(),
    }),
    { minLength: 1, maxLength: 6 },
  );
  await fc.assert(
    fc.asyncProperty(submissions, async (given) => {
      const answers = await Promise.all(
        given.map(({ name, wav, isSame }) =>
          separate(form({}, { bytes: isSame ? song : writeWav(wav), name })),
        ),
      );
      for (const [n, { status, headers, body }] of answers.entries()) {
        expect(status).toBe(201);
        const task = taskSchema.parse(body);
        expect(task.task_id).toMatch(UUID4);
        expect(seen).not.toContain(task.task_id);
        seen.add(task.task_id);
        const found = await call(server.url + (headers.get('location') ?? ''));
        expect(taskSchema.parse(found.body)).toMatchObject({
          task_id: task.task_id,
          input: { filename: given[n]?.name, sha256: task.input.sha256 },
        });
      }
      expect(await taskIds()).toHaveLength(given.length + 1);
      await Promise.all(
        answers.map(({ headers }) =>
          call(server.url + (headers.get('location') ?? ''), { method: 'DELETE' }),
        ),
      );
      await expectOnlyTheFirst();
    }),
    { numRuns: 10 },
  );
});

test("Property 5: an id is never another task's again: sent at once, sent again, deleted, or after a restart", async () => {
  let other = await startTestServer();
  onTestFinished(() => other.dispose());
  await standInsOf(other).hold('separating');
  const send = async (key: string | null) => {
    const headers: Record<string, string> = key === null ? {} : { 'idempotency-key': key };
    const body = form({}, { bytes: song });
    const answer = await call(`${other.url}/api/v1/separate`, { method: 'POST', body, headers });
    expect(answer.status).toBe(201);
    return taskSchema.parse(answer.body).task_id;
  };
  const known = async () => {
    const { body } = await call(`${other.url}/api/v1/tasks?limit=200`);
    return (body as { tasks: { task_id: string }[] }).tasks.map(({ task_id }) => task_id);
  };
  /** By the key that it came with: the same key is the same task for as long as it is there. */
  const ofKey = new Map<string, string>();
  const ever = new Set<string>();
  const keys = fc.array(fc.option(fc.constantFrom('a', 'b', 'c')), { minLength: 2, maxLength: 12 });
  const round = fc.record({ keys, deleted: fc.nat({ max: 20 }), restarts: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(round, async ({ keys: given, deleted, restarts }) => {
      const before = await known();
      const ids = await Promise.all(given.map(send));
      for (const [n, key] of given.entries()) {
        const id = ids[n] ?? '';
        expect(id).toMatch(UUID4);
        const isRepeat = key !== null && ofKey.get(key) === id;
        expect([id, ever.has(id)]).toEqual([id, isRepeat]);
        if (key !== null) expect(ofKey.get(key) ?? id).toBe(id);
        if (key !== null) ofKey.set(key, id);
        ever.add(id);
      }
      const now = await known();
      expect([...now].sort()).toEqual([...new Set([...before, ...ids])].sort());
      const gone = now[deleted % now.length] ?? '';
      expect((await call(`${other.url}/api/v1/tasks/${gone}`, { method: 'DELETE' })).status).toBe(204);
      for (const [key, id] of ofKey) if (id === gone) ofKey.delete(key);
      if (!restarts) return;
      await other.stop();
      other = await startTestServer({}, other.dataDir);
      expect(await known()).toEqual(now.filter((id) => id !== gone));
    }),
    { numRuns: 5, endOnFailure: true },
  );
});

test('Property 6: a task is queued and answered within 2 seconds, however many wait before it, and is worked off by itself', async () => {
  const kinds = fc.array(songKind, { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(kinds, async (waiting) => {
      const waitingIds: string[] = [];
      for (const [n, kind] of waiting.entries()) {
        const before = performance.now();
        const task = await submit(server.url, form({}, { bytes: songs[kind] }));
        expect(performance.now() - before).toBeLessThan(2000);
        expect(task).toMatchObject({
          status: 'pending',
          queue_position: n + 1,
          attempts: 0,
          started_at: null,
        });
        waitingIds.push(task.task_id);
      }
      expect((await getTask(server.url, blocker)).status).toBe('processing');
      await api(`/tasks/${blocker}`, { method: 'DELETE' });
      for (const taskId of waitingIds) {
        expect(await waitForTask(server.url, taskId, ended)).toMatchObject({
          status: 'completed',
          queue_position: null,
        });
      }
      await Promise.all(waitingIds.map((taskId) => api(`/tasks/${taskId}`, { method: 'DELETE' })));
      blocker = await block();
      await expectOnlyTheFirst();
    }),
    { numRuns: 6 },
  );
});
