/** What a task leaves to fetch: its stems, by whole files and by parts, or the reason why there are none. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parse as parseDisposition } from 'content-disposition';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { anyByteRange, sliceByHand, writeRange } from '../support/byteRange.ts';
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
import { startStemPeer, type StemPeer } from '../support/stemPeer.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

// Each holds over many histories, and the machine may be busy with other tests.
vi.setConfig({ testTimeout: 120_000 });

const RETENTION_HOURS = 3;
let server: TestServer;
let peer: StemPeer;
let folder: string;
const song = makeWav(0.1);

beforeAll(async () => {
  server = await startTestServer({ cleanup_retention_hours: RETENTION_HOURS });
  peer = startStemPeer();
  folder = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-stems-'));
});
afterAll(async () => {
  await Promise.all([server.dispose(), peer.close()]);
  await rm(folder, { recursive: true, force: true });
});

const api = (route: string, init?: RequestInit) => call(`${server.url}/api/v1${route}`, init);
const cancel = (taskId: string) => api(`/tasks/${taskId}/cancel`, { method: 'POST' });
const resultsOf = async (taskId: string) => parseResults((await api(`/tasks/${taskId}/results`)).body);

/** Submits a song that the worker treats as the words say, and waits for its end. */
async function separated(words: readonly string[], fields: Record<string, string> = {}, name = 'song.wav') {
  await server.plan(...words);
  const { task_id } = await submit(server.url, form(fields, { bytes: song, name }));
  return waitForTask(server.url, task_id, ended);
}

const instruments = fc.subarray(['drums', 'bass', 'other'], { minLength: 1 });
const outputFormat = fc.constantFrom('wav' as const, 'flac' as const);
const isExtracting = fc.boolean();

test('Property 14: a completed task gives a URL for every stem that was asked for, and the whole stem at it', async () => {
  await fc.assert(
    fc.asyncProperty(instruments, outputFormat, isExtracting, async (wanted, format, extracts) => {
      const task = await separated(['ok'], {
        instruments: wanted.join(','),
        output_format: format,
        extract_instrumental: String(extracts),
      });
      expect(task.status).toBe('completed');
      const { task_id, stems, expires_at } = await resultsOf(task.task_id);
      expect(task_id).toBe(task.task_id);
      expect(Date.parse(expires_at) - Date.parse(task.completed_at ?? '')).toBe(RETENTION_HOURS * 3_600_000);
      expect(stems.map((stem) => stem.instrument)).toEqual([
        ...wanted,
        ...(extracts ? ['instrumental'] : []),
      ]);
      expect(new Set(stems.map((stem) => stem.url)).size).toBe(stems.length);
      for (const stem of stems) {
        expect(stem.format).toBe(format);
        const answer = await fetch(server.url + stem.url);
        const bytes = Buffer.from(await answer.arrayBuffer());
        expect([answer.status, bytes.length, sha256(bytes)]).toEqual([200, stem.bytes, stem.sha256]);
      }
    }),
    { numRuns: 8 },
  );
});

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

test('Property 15: a stem is sent with its type, its length, its hash and a name made from the song', async () => {
  const song = fc.oneof(
    fc.constantFrom('a/b\\c', 'À', 'песня', 'a"b', '%41', 'x'.repeat(250), '.', 'a;b=c', '🎵'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }),
  );
  await fc.assert(
    fc.asyncProperty(song, instruments, outputFormat, async (name, wanted, format) => {
      const fields = { instruments: wanted.join(','), output_format: format };
      const task = await separated(['ok'], fields, `${name}.wav`);
      const shown = task.input.filename.replace(/\.wav$/, '');
      for (const stem of (await resultsOf(task.task_id)).stems) {
        const whole = await fetch(server.url + stem.url);
        const head = await fetch(server.url + stem.url, { method: 'HEAD' });
        expect((await whole.arrayBuffer()).byteLength).toBe(stem.bytes);
        expect((await head.arrayBuffer()).byteLength).toBe(0);
        for (const { status, headers } of [whole, head]) {
          expect(status).toBe(200);
          expect(headers.get('content-type')).toBe(`audio/${format}`);
          expect(headers.get('content-length')).toBe(String(stem.bytes));
          expect(headers.get('etag')).toBe(`"${stem.sha256}"`);
          expect(headers.get('accept-ranges')).toBe('bytes');
          expect(headers.get('x-content-type-options')).toBe('nosniff');
          const { type, parameters } = parseDisposition(headers.get('content-disposition') ?? '');
          expect(type).toBe('attachment');
          const end = `_${stem.instrument}.${format}`;
          expect(parameters['filename']?.endsWith(end)).toBe(true);
          // Of a very long name the song gives way; else it stands there as the task shows it.
          const ofSong = parameters['filename']?.slice(0, -end.length) ?? '';
          if (Buffer.byteLength(shown + end) <= 200) expect(ofSong).toBe(shown);
          else expect(shown.startsWith(ofSong) && ofSong !== '').toBe(true);
          expect(ofSong).not.toMatch(/[/\\\p{Cc}]/u);
        }
      }
    }),
    { numRuns: 15 },
  );
});

test('Property 16: results that are not ready are refused with 409, wherever the task is', async () => {
  const where = fc.oneof(
    fc.constant('pending' as const),
    fc.constantFrom('loading_model', 'decoding', 'separating', 'encoding').map((stage) => ({ stage })),
  );
  await fc.assert(
    fc.asyncProperty(where, fc.boolean(), async (at, isCancelled) => {
      await server.plan(at === 'pending' ? 'hang' : `at:${at.stage}:1:2`);
      const running = (await submit(server.url, form({}, { bytes: song }))).task_id;
      await waitForTask(server.url, running, (task) =>
        at === 'pending' ? task.status === 'processing' : task.progress.stage === at.stage,
      );
      const waiting = (await submit(server.url, form({}, { bytes: song }))).task_id;
      const taskId = at === 'pending' ? waiting : running;
      if (isCancelled) await cancel(taskId);

      const { status } = await getTask(server.url, taskId);
      expect(status).toBe(isCancelled ? 'cancelled' : at === 'pending' ? 'pending' : 'processing');
      const answer = await api(`/tasks/${taskId}/results`);
      const problem = parseProblem(answer.body);
      expect([answer.status, problem.error.code]).toEqual([409, 'TASK_NOT_COMPLETED']);
      expect(problem.detail).toContain(status);
      const stem = await api(`/download/${taskId}/drums.wav`);
      expect([stem.status, parseProblem(stem.body).error.code]).toEqual([404, 'FILE_NOT_FOUND']);
      for (const taskId of [waiting, running]) await api(`/tasks/${taskId}`, { method: 'DELETE' });
    }),
    { numRuns: 15 },
  );
});

test('Property 17: results of a failed task are refused with 410 and the reason that it failed for', async () => {
  const kind = fc.constantFrom('SEPARATION_FAILED', 'INVALID_AUDIO', 'UNSUPPORTED_FORMAT', 'INTERNAL');
  const message = fc.oneof(
    fc.constantFrom('The stem drums holds values that are not finite numbers.'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }),
  );
  const failure = fc.tuple(kind, message).map(([failed, reason]) => ({
    words: [`fail:${failed}:${encodeURIComponent(reason)}`],
    reason,
  }));
  const death = fc.constant({ words: ['die', 'die'], reason: null });
  await fc.assert(
    fc.asyncProperty(
      fc.oneof({ weight: 20, arbitrary: failure }, { weight: 1, arbitrary: death }),
      async ({ words, reason }) => {
        const task = await separated(words);
        expect(task.status).toBe('failed');
        if (reason !== null) expect(task.error?.message).toBe(reason);
        expect(task.error?.message).toMatch(/\S|^\s+$/);
        const answer = await api(`/tasks/${task.task_id}/results`);
        const problem = parseProblem(answer.body);
        expect([answer.status, problem.error.code]).toEqual([410, 'TASK_FAILED']);
        expect([problem.detail, problem.error.message]).toEqual([task.error?.message, task.error?.message]);
        expect(JSON.stringify(answer.body)).not.toContain('Traceback');
        expect((await api(`/download/${task.task_id}/drums.wav`)).status).toBe(404);
      },
    ),
    { numRuns: 8, examples: [[{ words: ['die', 'die'], reason: null }]] },
  );
});

/** Of all that the stand-in writes, in Hz. */
const STEM_RATE = 44_100;

test('Property 18: every stem is stored in the container and the encoding that the submission asked for, with all its samples, and told as it is', async () => {
  const encoding = fc
    .record({
      format: fc.option(outputFormat),
      pcm: fc.option(fc.constantFrom('PCM_16', 'PCM_24', 'FLOAT')),
    })
    .filter(({ format, pcm }) => format !== 'flac' || pcm !== 'FLOAT');
  const noise = fc.record({
    seed: fc.nat({ max: 2 ** 31 }),
    frames: fc.oneof(fc.constantFrom(1, 4096), fc.integer({ min: 1, max: 20_000 })),
    channels: fc.integer({ min: 1, max: 2 }),
    // Above full scale PCM has to clip.
    level: fc.constantFrom(0, 0.001, 0.5, 1, 1.5),
  });
  await fc.assert(
    fc.asyncProperty(encoding, noise, isExtracting, async ({ format, pcm }, sound, extracts) => {
      const { seed, frames, channels, level } = sound;
      const task = await separated([['encode', seed, frames, channels, level].join(':')], {
        ...(format === null ? {} : { output_format: format }),
        ...(pcm === null ? {} : { pcm_type: pcm }),
        extract_instrumental: String(extracts),
      });
      expect([task.status, task.error]).toEqual(['completed', null]);
      const { stems } = await resultsOf(task.task_id);
      expect(stems).toHaveLength(extracts ? 4 : 3);
      for (const [n, stem] of stems.entries()) {
        const answer = await fetch(server.url + stem.url);
        const file = path.join(folder, randomUUID());
        const bytes = Buffer.from(await answer.arrayBuffer());
        await writeFile(file, bytes);
        const pcm_type = pcm ?? 'PCM_24';
        const found = await peer.inspect({ path: file, pcm_type, sound, stem: n });
        const { steps_off, peak, beyond_full_scale, ...facts } = found;
        expect(facts).toEqual({
          container: (format ?? 'wav').toUpperCase(),
          subtype: pcm_type,
          frames,
          channels,
          sample_rate: STEM_RATE,
          same_as_soundfile: true,
        });
        // Rounding, and full scale being one step less than 1.0: one and a half steps.
        expect(steps_off).toBeLessThanOrEqual(pcm_type === 'FLOAT' ? 0 : 1.5);
        expect(stem).toMatchObject({
          format: format ?? 'wav',
          channels,
          sample_rate: STEM_RATE,
          duration_seconds: frames / STEM_RATE,
          bytes: bytes.length,
          sha256: sha256(bytes),
          peak,
          clipped_samples: pcm_type === 'FLOAT' ? 0 : beyond_full_scale,
        });
      }
    }),
    { numRuns: 10 },
  );
});

test('Property 19: any range of a stem is what cutting it out of the whole gives, and one outside it is refused', async () => {
  const task = await separated(['ok'], { instruments: 'drums' });
  const [stem] = (await resultsOf(task.task_id)).stems;
  if (!stem) throw new Error('there is no stem');
  const url = server.url + stem.url;
  const whole = Buffer.from(await (await fetch(url)).arrayBuffer());
  // Fine near the start and the end, coarse all over the file.
  const range = fc.oneof(anyByteRange(), anyByteRange(Math.ceil(whole.length / 100)));
  const condition = fc.constantFrom('none', 'same', 'other');
  await fc.assert(
    fc.asyncProperty(range, condition, async (asked, ifRange) => {
      const etag = ifRange === 'same' ? `"${stem.sha256}"` : '"another"';
      const answer = await fetch(url, {
        headers: { range: `bytes=${writeRange(asked)}`, ...(ifRange === 'none' ? {} : { 'if-range': etag }) },
      });
      const body = Buffer.from(await answer.arrayBuffer());
      const part = sliceByHand(whole.length, asked);
      const size = String(whole.length);
      if (ifRange === 'other') {
        expect([answer.status, body.equals(whole)]).toEqual([200, true]);
      } else if (part) {
        const { start, end } = part;
        expect(answer.status).toBe(206);
        expect(answer.headers.get('content-range')).toBe(`bytes ${String(start)}-${String(end)}/${size}`);
        expect(answer.headers.get('content-length')).toBe(String(end - start + 1));
        expect(answer.headers.get('content-type')).toBe('audio/wav');
        expect(body.equals(whole.subarray(start, end + 1))).toBe(true);
      } else {
        expect(answer.headers.get('content-range')).toBe(`bytes */${size}`);
        const problem = parseProblem(JSON.parse(body.toString()));
        expect([answer.status, problem.error.code]).toEqual([416, 'RANGE_NOT_SATISFIABLE']);
      }
    }),
    { numRuns: 100 },
  );
});
