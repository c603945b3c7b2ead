/** The real engine takes seconds to import; nobody who posts a song waits for it. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { call, ended, form, parseResults, submit, waitForTask } from '../support/client.ts';
import { makeAudio } from '../support/python.ts';
import { startServerProcess } from '../support/serverProcess.ts';

const TEST_MS = 240_000;
const NPM_START = ['npm', 'start', '--silent', '--'] as const;

test(
  'a server that was just started accepts a song while its worker still imports, and separates it then',
  async () => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-songs-'));
    const song = await readFile(await makeAudio('wav', path.join(folder, 'song.wav'), { seconds: 2 }));
    const server = await startServerProcess({ command: NPM_START });
    const isReady = () => server.log.some((line) => line['msg'] === 'a worker is ready');
    try {
      expect((await call(`${server.url}/api/v1/health`)).status).toBe(200);
      const { task_id, status } = await submit(server.url, form({}, { bytes: song }));
      expect([status, isReady()]).toEqual(['pending', false]);
      expect(await waitForTask(server.url, task_id, ended, TEST_MS)).toMatchObject({ status: 'completed' });
    } finally {
      await server.end('SIGTERM');
      await rm(folder, { recursive: true, force: true });
      await rm(server.dataDir, { recursive: true, force: true });
    }
  },
  TEST_MS,
);

test(
  'two runs of the server make the same stems of a song, to the byte',
  async () => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-songs-'));
    const song = await readFile(await makeAudio('wav', path.join(folder, 'song.wav'), { seconds: 8 }));
    const made: string[][] = [];
    try {
      for (let run = 0; run < 2; run += 1) {
        const server = await startServerProcess();
        try {
          const { task_id } = await submit(server.url, form({}, { bytes: song }));
          await waitForTask(server.url, task_id, ended, TEST_MS);
          const { body } = await call(`${server.url}/api/v1/tasks/${task_id}/results`);
          made.push(parseResults(body).stems.map(({ sha256 }) => sha256));
        } finally {
          await server.end('SIGTERM');
          await rm(server.dataDir, { recursive: true, force: true });
        }
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    expect(made[0]).toHaveLength(3);
    expect(made[1]).toEqual(made[0]);
  },
  TEST_MS,
);

test('what npm start runs is bundled, and its page at /docs still has all it needs', async () => {
  const server = await startServerProcess({ command: NPM_START });
  try {
    const page = await (await fetch(`${server.url}/docs`)).text();
    const needed = [...page.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, address = '']) => address);
    expect(needed.length).toBeGreaterThan(1);
    for (const address of needed) {
      const { status } = await fetch(new URL(address, `${server.url}/docs`));
      expect([address, status]).toEqual([address, 200]);
    }
  } finally {
    await server.end('SIGTERM');
    await rm(server.dataDir, { recursive: true, force: true });
  }
});
