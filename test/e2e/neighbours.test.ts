/** Clients without a key that ask for far more than they read: the others must not notice. */
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { json } from 'node:stream/consumers';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { taskSchema } from '../../src/http/openapi/schemas.ts';
import { form } from '../support/client.ts';
import { enginePython } from '../support/python.ts';
import { projectRoot, startServerProcess, type ServerProcess } from '../support/serverProcess.ts';
import { makeWav } from '../support/wav.ts';

const KEY = 'key-of-the-tests-0123456789';
const ATTACK_BYTES = 61_000;
/** What a start or a poll takes on a crowded machine; the server of before took a minute, or ended. */
const PROMPT_MS = 10_000;
const MAX_GROWTH_BYTES = 300_000_000;

let server: ServerProcess;
/** Where a stem of 60 MB lies: more than the buffers of two sockets hold. */
let stem: string;
const standIn = path.join(projectRoot, 'test', 'support', 'standIn', 'worker.mjs');
beforeAll(async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-plan-'));
  await writeFile(path.join(folder, 'plan'), 'encode:1:10000000:2:0.5');
  server = await startServerProcess({
    settings: { enable_auth: true, api_keys: [{ name: 'tests', key: KEY }] },
    env: {
      MSST_SERVE_INTERNAL_ENGINE_PYTHON: standIn,
      STAND_IN_PYTHON: enginePython,
      STAND_IN_PLAN: path.join(folder, 'plan'),
    },
  });
  stem = await separateOne();
  await rm(folder, { recursive: true });
}, 60_000);
afterAll(() => server.end('SIGKILL'));

const authorization = `Bearer ${KEY}`;

async function separateOne(): Promise<string> {
  const body = form({ instruments: 'drums' }, { bytes: makeWav(0.5) });
  const submitted = await fetch(`${server.url}/api/v1/separate`, {
    method: 'POST',
    body,
    headers: { authorization },
  });
  const { task_id, links } = taskSchema.parse(await submitted.json());
  const results = () => fetch(server.url + links.results, { headers: { authorization } });
  let answer = await results();
  while (answer.status === 409) {
    await sleep(50);
    answer = await results();
  }
  if (answer.status !== 200) throw new Error(`no stem to download: ${await answer.text()}`);
  return `/api/v1/download/${task_id}/drums.wav`;
}

const own = (file: string) => `/proc/${String(server.process.pid)}/${file}`;
const descriptors = async () => (await readdir(own('fd'))).length;
const memoryBytes = async () =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(await readFile(own('status'), 'utf8'))?.[1]) * 1024;

async function expectHealthy(): Promise<void> {
  const answer = await fetch(`${server.url}/api/v1/health`, { signal: AbortSignal.timeout(PROMPT_MS) });
  expect(answer.status).toBe(200);
  await answer.text();
}

/** Opens connections that are sent all this at once and never read. */
async function attack(connections: number, bytes: string): Promise<net.Socket[]> {
  const { port } = new URL(server.url);
  const sockets = Array.from({ length: connections }, () => net.connect(Number(port), '127.0.0.1'));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  for (const socket of sockets) {
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(bytes);
  }
  for (const socket of sockets) if (socket.connecting) await once(socket, 'connect');
  return sockets;
}

const ask = (method: string, target: string, more = '') =>
  `${method} ${target} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
const pipelined = (request: string) => request.repeat(Math.floor(ATTACK_BYTES / request.length));
const UPLOAD = `Authorization: Bearer ${KEY}\r\nContent-Type: multipart/form-data; boundary=xx\r\nContent-Length: 400000000\r\n`;
const PART = '--xx\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF';

test.each([
  ['the OpenAPI document', 12, pipelined(ask('GET', '/openapi.json'))],
  ['the OpenAPI document, by more of them', 25, pipelined(ask('GET', '/api/v1/openapi.json'))],
  ['HEAD of the largest asset', 12, pipelined(ask('HEAD', '/docs/swagger-ui/swagger-ui-bundle.js'))],
  ['the largest asset', 12, pipelined(ask('GET', '/docs/swagger-ui/swagger-ui-bundle.js'))],
  ['health', 12, pipelined(ask('GET', '/api/v1/health'))],
  ['no route', 12, pipelined(ask('GET', '/nothing'))],
  ['what needs a key', 12, pipelined(ask('DELETE', '/api/v1/tasks/x'))],
  [
    'bodies that are refused',
    12,
    pipelined(`${ask('POST', '/api/v1/separate', 'Content-Length: 9\r\n')}some body`),
  ],
  ['requests with two Hosts', 12, pipelined(ask('GET', '/', 'Host: elsewhere\r\n'))],
  [
    'uploads that never end, behind other requests',
    25,
    ask('GET', '/openapi.json') + ask('POST', '/api/v1/separate', UPLOAD) + PART,
  ],
])(
  '%s, asked for and never read: health answers, and memory and descriptors stay',
  async (_what, count, bytes) => {
    await expectHealthy();
    const before = { memory: await memoryBytes(), descriptors: await descriptors() };
    const sockets = await attack(count, bytes);
    for (let n = 0; n < 4; n += 1) {
      await expectHealthy();
      expect((await memoryBytes()) - before.memory).toBeLessThan(MAX_GROWTH_BYTES);
      // One for each connection, one for what each may send or bring, and those of health itself.
      expect((await descriptors()) - before.descriptors).toBeLessThanOrEqual(2 * count + 5);
    }
    for (const socket of sockets) socket.destroy();
    await expect.poll(descriptors, { timeout: PROMPT_MS }).toBeLessThanOrEqual(before.descriptors + 1);
  },
  60_000,
);

const KEYED = `Authorization: ${authorization}\r\n`;

test.each([
  ['downloads', 'GET', ''],
  ['ranges of it', 'GET', 'Range: bytes=5-\r\n'],
  ['its HEAD', 'HEAD', ''],
  ['what the client has already', 'GET', 'If-None-Match: *\r\n'],
])(
  '%s, pipelined and never read, hold one file open for each connection, and none when it has gone',
  async (_what, method, more) => {
    const before = { memory: await memoryBytes(), descriptors: await descriptors() };
    const count = 10;
    const sockets = await attack(count, pipelined(ask(method, stem, KEYED + more)));
    for (let n = 0; n < 3; n += 1) {
      await expectHealthy();
      expect((await memoryBytes()) - before.memory).toBeLessThan(MAX_GROWTH_BYTES);
      expect((await descriptors()) - before.descriptors).toBeLessThanOrEqual(2 * count + 5);
    }
    for (const socket of sockets) socket.destroy();
    await expect.poll(descriptors, { timeout: PROMPT_MS }).toBeLessThanOrEqual(before.descriptors + 1);
  },
  60_000,
);

test('a server that can open no more files says so, and is healthy when it can again', async () => {
  const small = await startServerProcess({
    env: { MSST_SERVE_INTERNAL_ENGINE_PYTHON: standIn },
  });
  onTestFinished(() => small.end('SIGKILL'));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => {
    agent.destroy();
  });
  const health = async () => {
    const [answer] = (await once(get(`${small.url}/api/v1/health`, { agent }), 'response')) as [
      IncomingMessage,
    ];
    return { status: answer.statusCode, problems: ((await json(answer)) as { problems: string[] }).problems };
  };
  await expect.poll(health, { timeout: 20_000 }).toEqual({ status: 200, problems: [] });
  const { pid } = small.process;
  const held = (await readdir(`/proc/${String(pid)}/fd`)).map(Number);
  const limit = (descriptorsAllowed: number) =>
    execa('prlimit', ['--pid', String(pid), `--nofile=${String(descriptorsAllowed)}:20000`]);
  // None below it is free: the next one would be too many.
  const lowestFree = Array.from({ length: held.length + 1 }, (_, fd) => fd).find((fd) => !held.includes(fd));
  await limit(lowestFree ?? 0);
  const full = await health();
  expect(full.status).toBe(503);
  expect(full.problems).toEqual([expect.stringContaining('No file can be opened')]);
  await limit(20_000);
  expect(await health()).toEqual({ status: 200, problems: [] });
}, 60_000);
