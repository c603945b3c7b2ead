/** How a server ends and begins again: the built server in its own process, its worker a stand-in that waits on command. */
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { call, ended, form, getTask, parseProblem, submit, waitForTask } from '../support/client.ts';
import {
  childrenOf,
  startServerProcess,
  waitUntilGone,
  type ServerProcess,
} from '../support/serverProcess.ts';
import { makeWav } from '../support/wav.ts';

const support = path.resolve(import.meta.dirname, '../support');
const song = makeWav(1);
let dataDir: string;
let planFile: string;
/** What a stand-in that holds a task waits for. */
let goOn: string;
let running: ServerProcess[];

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-lifecycle-'));
  planFile = path.join(dataDir, 'plan');
  goOn = path.join(dataDir, 'go-on');
  running = [];
});
afterEach(async () => {
  for (const server of running) await server.end('SIGKILL');
  await rm(dataDir, { recursive: true, force: true });
});

async function start(
  settings: Record<string, unknown> = {},
  env: Record<string, string> = {},
): Promise<ServerProcess> {
  const server = await startServerProcess({
    dataDir,
    settings,
    env: {
      MSST_SERVE_INTERNAL_ENGINE_PYTHON: path.join(support, 'standIn', 'worker.mjs'),
      STAND_IN_PLAN: planFile,
      ...env,
    },
  });
  running.push(server);
  return server;
}

const plan = (...steps: string[]) => writeFile(planFile, steps.join('\n'));
const submitSong = (server: ServerProcess) => submit(server.url, form({}, { bytes: song }));
const isSeparating = (task: { progress: { stage: string } }) => task.progress.stage === 'separating';
const says = (server: ServerProcess, words: string) =>
  server.log.some((line) => String(line['msg']).startsWith(words));

/** Submits a song and waits until a worker has it. */
async function submitAndSeparate(server: ServerProcess): Promise<string> {
  const { task_id } = await submitSong(server);
  await waitForTask(server.url, task_id, isSeparating);
  return task_id;
}

/** Sends a signal and waits until the server says that it heard it. */
async function tellToStop(server: ServerProcess, signal: NodeJS.Signals): Promise<void> {
  server.process.kill(signal);
  await expect.poll(() => says(server, 'shutting down;')).toBe(true);
}

/** Waits for the end of the server by itself, and of every child it had. */
async function expectEnd(server: ServerProcess, children: { pid: number }[]): Promise<void> {
  const { process: child } = server;
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  expect(child.exitCode).toBe(0);
  expect(children.length).toBeGreaterThan(0);
  await waitUntilGone(children.map(({ pid }) => pid));
}

const childrenNow = (server: ServerProcess) => childrenOf(server.process.pid ?? -1);

/** What the database of an ended server says about a task and its attempts. */
function stored(taskId: string) {
  const database = new Sqlite(path.join(dataDir, 'tasks.db'), { readonly: true });
  try {
    const task = database
      .prepare('SELECT status, attempt, failures FROM tasks WHERE task_id = ?')
      .get(taskId);
    const attempts = database
      .prepare('SELECT outcome FROM attempts WHERE task_id = ? ORDER BY attempt')
      .all(taskId) as { outcome: string | null }[];
    return { ...(task as object), outcomes: attempts.map(({ outcome }) => outcome) };
  } finally {
    database.close();
  }
}

/** Half an upload, and the connection it came on. */
async function beginUpload(
  server: ServerProcess,
): Promise<{ finish(): Promise<string>; socket: net.Socket }> {
  const begin = Buffer.from(
    '--xx\r\nContent-Disposition: form-data; name="file"; filename="song.wav"\r\n\r\n',
  );
  const end = Buffer.from('\r\n--xx--\r\n');
  const length = begin.byteLength + song.byteLength + end.byteLength;
  const socket = net.connect(Number(new URL(server.url).port), '127.0.0.1');
  let answer = '';
  socket.on('data', (data: Buffer) => (answer += data.toString()));
  socket.on('error', () => undefined);
  socket.write(
    `POST /api/v1/separate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n` +
      `Content-Type: multipart/form-data; boundary=xx\r\nContent-Length: ${String(length)}\r\n\r\n`,
  );
  socket.write(begin);
  socket.write(song.subarray(0, 1000));
  return {
    socket,
    async finish() {
      const closed = once(socket, 'close');
      socket.write(Buffer.concat([song.subarray(1000), end]));
      await closed;
      return answer;
    },
  };
}

describe('a server that is told to stop while a task runs', () => {
  test('takes nothing new, lets the task end, starts no other, and leaves no child', async () => {
    await plan(`hold:${goOn}`);
    const server = await start({ shutdown_timeout_seconds: 600 });
    const runs = await submitAndSeparate(server);
    const waits = await submitSong(server);
    const upload = await beginUpload(server);
    const children = await childrenNow(server);
    await tellToStop(server, 'SIGTERM');

    const refused = await call(`${server.url}/api/v1/separate`, {
      method: 'POST',
      body: form({}, { bytes: song }),
    });
    expect([refused.status, parseProblem(refused.body).error.code]).toEqual([503, 'SHUTTING_DOWN']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await upload.finish()).toContain('"SHUTTING_DOWN"');
    const health = await call(`${server.url}/api/v1/health`);
    expect([health.status, (health.body as { problems: string[] }).problems]).toEqual([
      503,
      ['The server is shutting down.'],
    ]);
    expect((await getTask(server.url, runs)).status).toBe('processing');

    await writeFile(goOn, '');
    await expectEnd(server, children);
    expect(says(server, 'stopped')).toBe(true);
    expect(stored(runs)).toEqual({ status: 'completed', attempt: 1, failures: 0, outcomes: ['completed'] });
    expect(stored(waits.task_id)).toEqual({ status: 'pending', attempt: 0, failures: 0, outcomes: [] });

    const next = await start();
    expect((await call(`${next.url}/api/v1/tasks/${runs}/results`)).status).toBe(200);
    const resumed = await waitForTask(next.url, waits.task_id, ended);
    expect(resumed).toMatchObject({ status: 'completed', attempts: 1 });
  });

  test('gives back what does not end in time, not as a failure and in its place, as often as it is stopped', async () => {
    const stops = 4;
    await plan(...Array<string>(stops).fill('hang'));
    let first = '';
    let second = '';
    for (let stop = 1; stop <= stops; stop += 1) {
      const server = await start({ shutdown_timeout_seconds: 0.2, task_max_attempts: 3 });
      if (stop === 1) {
        first = await submitAndSeparate(server);
        second = (await submitSong(server)).task_id;
      }
      await waitForTask(server.url, first, isSeparating);
      const children = await childrenNow(server);
      await tellToStop(server, 'SIGTERM');
      await expectEnd(server, children);
      const outcomes = Array<string>(stop).fill('server_stopped');
      expect(stored(first)).toEqual({ status: 'pending', attempt: stop, failures: 0, outcomes });
      expect(stored(second)).toEqual({ status: 'pending', attempt: 0, failures: 0, outcomes: [] });
    }
    const server = await start();
    const done = await waitForTask(server.url, first, ended);
    expect(done).toMatchObject({ status: 'completed', attempts: stops + 1, error: null });
    const after = await waitForTask(server.url, second, ended);
    expect(after).toMatchObject({ status: 'completed', attempts: 1 });
    expect(Date.parse(after.started_at ?? '')).toBeGreaterThanOrEqual(Date.parse(done.completed_at ?? ''));
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('ends at once at a second %s after a second', async (signal) => {
    await plan('hang');
    const server = await start({ shutdown_timeout_seconds: 600 });
    const taskId = await submitAndSeparate(server);
    const children = await childrenNow(server);
    const upload = await beginUpload(server);
    await tellToStop(server, signal);
    // Until it is heard: only one that comes a second after the first counts.
    const again = setInterval(() => server.process.kill(signal), 200);
    await expectEnd(server, children).finally(() => {
      clearInterval(again);
    });
    upload.socket.destroy();
    expect(says(server, 'shutting down immediately')).toBe(true);
    expect(stored(taskId)).toMatchObject({ status: 'pending', failures: 0, outcomes: ['server_stopped'] });
  });

  test('takes a signal that comes twice at once, as from npm, for one', async () => {
    await plan(`hold:${goOn}`);
    const server = await start({ shutdown_timeout_seconds: 600 });
    const taskId = await submitAndSeparate(server);
    const children = await childrenNow(server);
    await tellToStop(server, 'SIGINT');
    server.process.kill('SIGINT');
    server.process.kill('SIGTERM');
    // Answered after the signals were: a process takes them before it goes back to its sockets.
    expect((await getTask(server.url, taskId)).status).toBe('processing');
    await writeFile(goOn, '');
    await expectEnd(server, children);
    expect(says(server, 'shutting down immediately')).toBe(false);
    expect(stored(taskId)).toMatchObject({ status: 'completed', attempt: 1 });
  });
});

test('a server that is told to stop while a worker still starts does not wait for it', async () => {
  const server = await start(
    { shutdown_timeout_seconds: 600 },
    {
      MSST_SERVE_INTERNAL_ENGINE_PYTHON: path.join(support, 'misbehavingChild.mjs'),
      MISBEHAVIOUR: 'mute',
    },
  );
  await expect.poll(async () => (await childrenNow(server)).length).toBe(2);
  const children = await childrenNow(server);
  await tellToStop(server, 'SIGTERM');
  await expectEnd(server, children);
});

test.each([
  ['a worker that starts and starts', 'mute', ['cpu'], 200, ['The worker worker-0 on cpu is starting.']],
  ['workers that all die', 'die-at-start', ['cpu'], 503, ['Every worker is down.']],
  [
    'a GPU of the configuration that is not in use',
    'die-at-start',
    ['cuda:0'],
    503,
    ['The GPU cuda:0 is not in use: its worker is down.', 'Every worker is down.'],
  ],
])('the health of a server tells of %s', async (_name, MISBEHAVIOUR, devices, status, problems) => {
  const engine = path.join(support, 'misbehavingChild.mjs');
  const server = await start({ devices }, { MSST_SERVE_INTERNAL_ENGINE_PYTHON: engine, MISBEHAVIOUR });
  const health = async () => {
    const answer = await call(`${server.url}/api/v1/health`);
    return [answer.status, (answer.body as { problems: string[] }).problems];
  };
  await expect.poll(health, { timeout: 20_000, interval: 20 }).toEqual([status, problems]);
});

test('a server that was killed goes on with what ran and what waited, in its order, and has no file too many', async () => {
  await plan('hang');
  const server = await start();
  const ran = await submitAndSeparate(server);
  const waited = (await submitSong(server)).task_id;
  const upload = await beginUpload(server);
  const children = await childrenNow(server);
  await server.end('SIGKILL');
  await waitUntilGone(children.map(({ pid }) => pid));
  upload.socket.destroy();
  expect(stored(ran)).toMatchObject({ status: 'processing', attempt: 1 });

  const next = await start();
  const first = await waitForTask(next.url, ran, ended);
  const second = await waitForTask(next.url, waited, ended);
  expect(first).toMatchObject({ status: 'completed', attempts: 2 });
  expect(second).toMatchObject({ status: 'completed', attempts: 1 });
  expect(Date.parse(second.started_at ?? '')).toBeGreaterThanOrEqual(Date.parse(first.completed_at ?? ''));
  expect(says(next, 'startup recovery finished')).toBe(true);
  for (const id of [ran, waited]) {
    await call(`${next.url}/api/v1/tasks/${id}`, { method: 'DELETE' });
  }
  expect(await readdir(path.join(dataDir, 'inputs'))).toEqual([]);
  expect(await readdir(path.join(dataDir, 'results'))).toEqual([]);
});
