import { Readable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import type { Stem } from '../../../../src/tasks/task.ts';
import { startHttpApp, type GivenServices, type HttpApp } from '../../../support/httpApp.ts';
import { newMixture, newStem, runningTask } from '../../../support/newTask.ts';

const TASK = 'c0ffee00-0000-4000-8000-000000000000';
const NO_FILE = { error: { code: 'FILE_NOT_FOUND', message: expect.stringContaining('/results lists') } };
const STEMS: Stem[] = [
  { ...newStem(TASK, 1, 'drums'), sha256: 'aa'.repeat(32), storageKey: 'the drums' },
  {
    ...newStem(TASK, 1, 'bass'),
    filename: 'bass.flac',
    format: 'flac',
    sha256: 'bb'.repeat(32),
    storageKey: 'the bass',
  },
];

let app: HttpApp;
afterEach(() => app.close());

/** Stems of four bytes: the last word of their key. */
async function start(services: GivenServices = {}) {
  const task = runningTask({
    taskId: TASK,
    status: 'completed',
    completedAt: 1_800_000_000_000,
    mixture: newMixture({ filename: 'My Song.mp3' }),
  });
  app = await startHttpApp({
    stemSize: () => Promise.resolve(4),
    readStem: (key, { start: from, end }) =>
      Promise.resolve(Readable.from([Buffer.from(key.slice(-4)).subarray(from, end + 1)])),
    ...services,
    tasks: {
      find: (id) =>
        Promise.resolve(
          id === TASK
            ? {
                task,
                queuePosition: null,
                progress: { percent: 100, stage: 'completed', etaSeconds: null, updatedAt: 0 },
              }
            : undefined,
        ),
      stemsOf: () => Promise.resolve(STEMS),
      ...services.tasks,
    },
  });
}
const download = (filename: string, init?: RequestInit, taskId = TASK) =>
  app.ask(`/download/${taskId}/${filename}`, init);

test.each([
  ['drums.wav', 'rums', 'audio/wav', 'aa', 'My Song_drums.wav'],
  ['bass.flac', 'bass', 'audio/flac', 'bb', 'My Song_bass.flac'],
])('%s is sent as what it is, under the name of the song', async (filename, content, type, sha, name) => {
  await start();
  const answer = await download(filename);
  expect([answer.status, await answer.text()]).toEqual([200, content]);
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-type': type,
    etag: `"${sha.repeat(32)}"`,
    'content-disposition': `attachment; filename="${name}"`,
    'content-length': '4',
  });
});

test('HEAD says the same, and no byte is read', async () => {
  let reads = 0;
  await start({
    readStem: () => {
      reads += 1;
      return Promise.resolve(Readable.from([]));
    },
  });
  const answer = await download('drums.wav', { method: 'HEAD' });
  expect([answer.status, answer.headers.get('content-length'), reads]).toEqual([200, '4', 0]);
});

test.each([
  ['other.wav', TASK],
  ['DRUMS.wav', TASK],
  ['drums.wav', 'c0ffee00-0000-4000-8000-000000000001'],
])('%s of the task %s is not there', async (filename, taskId) => {
  await start();
  const answer = await download(filename, {}, taskId);
  expect([answer.status, await answer.json()]).toMatchObject([404, NO_FILE]);
});

test.each([undefined, 3, 5])('one whose file has %s bytes is gone', async (size) => {
  await start({ stemSize: () => Promise.resolve(size) });
  const answer = await download('drums.wav');
  expect([answer.status, await answer.json()]).toMatchObject([
    410,
    {
      error: { code: 'RESULTS_EXPIRED', message: 'The results of this task have expired and were deleted.' },
    },
  ]);
});

describe('while no file can be opened', () => {
  test.each(['EMFILE', 'ENFILE'])('(%s) the client is told when to come again', async (code) => {
    await start({
      readStem: () => Promise.reject(Object.assign(new Error('too many open files'), { code })),
    });
    const answer = await download('drums.wav');
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('10');
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    // Nothing that was meant for the file is said of the refusal.
    for (const name of ['etag', 'content-disposition', 'accept-ranges'])
      expect(answer.headers.has(name)).toBe(false);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await answer.json()).toMatchObject({
      error: {
        code: 'SERVER_BUSY',
        message: 'The server has too many files open. Try again in a moment.',
      },
    });
    expect(app.lines).toContainEqual(
      expect.objectContaining({ msg: 'a request failed', err: expect.objectContaining({ code }) as unknown }),
    );
    expect(app.lines).toContainEqual(
      expect.objectContaining({ msg: 'request', status: 503, code: 'SERVER_BUSY' }),
    );
  });

  test('a HEAD, which opens none, is answered', async () => {
    await start({ readStem: () => Promise.reject(Object.assign(new Error('x'), { code: 'EMFILE' })) });
    expect((await download('drums.wav', { method: 'HEAD' })).status).toBe(200);
  });

  test('the next download is answered as soon as there is room', async () => {
    let left = 1;
    await start({
      readStem: () =>
        left-- > 0
          ? Promise.reject(Object.assign(new Error('x'), { code: 'EMFILE' }))
          : Promise.resolve(Readable.from([Buffer.from('RIFF')])),
    });
    expect((await download('drums.wav')).status).toBe(503);
    const answer = await download('drums.wav');
    expect([answer.status, await answer.text()]).toEqual([200, 'RIFF']);
  });
});
