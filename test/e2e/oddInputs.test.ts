/** Odd but valid inputs through the whole server: the task's part of the table in docs/odd-inputs.md. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call, ended, form, parseResults, submit, waitForTask, type WireTask } from '../support/client.ts';
import { makeAudio } from '../support/python.ts';
import { startServerProcess, type ServerProcess } from '../support/serverProcess.ts';

const TASK_MS = 60_000;
let server: ServerProcess;
let files: string;

beforeAll(async () => {
  server = await startServerProcess();
  files = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-odd-'));
}, TASK_MS);
afterAll(async () => {
  await server.end('SIGTERM');
  await rm(server.dataDir, { recursive: true, force: true });
  await rm(files, { recursive: true, force: true });
});

async function separate(kind: string, options: object = {}): Promise<WireTask> {
  const file = await makeAudio(kind, path.join(files, kind), options);
  const { task_id } = await submit(
    server.url,
    form({}, { bytes: await readFile(file), name: 'no-extension' }),
  );
  return waitForTask(server.url, task_id, ended, TASK_MS);
}

async function stemsOf(task: WireTask) {
  return parseResults((await call(server.url + task.links.results)).body).stems;
}

test.each([
  ['mono', 'wav', { channels: 1, seconds: 2 }, 2],
  ['8 kHz', 'wav', { rate: 8_000, seconds: 2 }, 2],
  ['192 kHz', 'flac', { rate: 192_000, seconds: 2 }, 2],
  ['64-bit float', 'wav-f64', { seconds: 2 }, 2],
  ['an ID3 tag before FLAC', 'flac-id3', { seconds: 2 }, 2],
  ['a cut WAV', 'wav-cut', { seconds: 4 }, 2],
  ['two joined MP3s', 'mp3-joined', { seconds: 2 }, 4],
])(
  '%s: every stem has the length of the sound, in stereo at the rate of the model',
  async (_name, kind, options, seconds) => {
    const task = await separate(kind, options);
    expect(task).toMatchObject({ status: 'completed', error: null, warnings: [] });
    for (const stem of await stemsOf(task)) {
      expect([stem.channels, stem.sample_rate]).toEqual([2, 44_100]);
      expect(Math.abs(stem.duration_seconds - seconds)).toBeLessThan(0.15);
      expect(stem.peak).toBeGreaterThan(0);
    }
  },
  TASK_MS,
);

test(
  '5.1 is mixed down, and the task says so',
  async () => {
    const task = await separate('wav', { channels: 6, seconds: 2 });
    expect(task.status).toBe('completed');
    expect(task.warnings).toEqual([expect.stringContaining('6 channels were mixed down to stereo')]);
  },
  TASK_MS,
);

test(
  'damaged frames are left out, and the task says so',
  async () => {
    const task = await separate('flac-damaged', { seconds: 3 });
    expect(task.status).toBe('completed');
    expect(task.warnings).toHaveLength(1);
  },
  TASK_MS,
);

test(
  'silence gives silent stems',
  async () => {
    const stems = await stemsOf(await separate('wav-silence', { seconds: 2 }));
    expect(stems.map((stem) => stem.instrument)).toEqual(['drums', 'bass', 'other']);
    for (const stem of stems) expect(stem.peak).toBeLessThan(0.01);
  },
  TASK_MS,
);

test(
  'one sample gives stems of one sample',
  async () => {
    const stems = await stemsOf(await separate('wav-one-sample'));
    for (const stem of stems) expect(stem.duration_seconds).toBeCloseTo(1 / 44_100, 6);
  },
  TASK_MS,
);

test(
  'a value that is no number, found only when all is decoded, fails the task and names the audio',
  async () => {
    const task = await separate('wav-nan-middle', { seconds: 4 });
    expect(task).toMatchObject({ status: 'failed', error: { code: 'INVALID_AUDIO' } });
    const results = await call(server.url + task.links.results);
    expect(results.status).toBe(410);
  },
  TASK_MS,
);
