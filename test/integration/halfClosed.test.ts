/** Clients that close their side of a connection, or go away, while the server still has something to say. */
import { once } from 'node:events';
import { readdir, readlink } from 'node:fs/promises';
import net from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { call, ended, form, submit, taskFilename, waitForTask } from '../support/client.ts';
import { sendRaw } from '../support/rawHttp.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

const TIMEOUTS = { headersMs: 60_000, stillMs: 1_000, betweenMs: 60_000 };
/** So long after its time a connection must be cut, also on a busy machine. */
const SLACK_MS = 8_000;
const song = makeWav(0.5);

let server: TestServer;
const sockets: net.Socket[] = [];
beforeAll(async () => {
  server = await startTestServer({}, undefined, [], undefined, TIMEOUTS);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  expect((await call(`${server.url}/api/v1/health`)).status).toBe(200);
});
afterAll(() => server.dispose());

/** A connection that this side never closes unasked. */
async function connect(): Promise<net.Socket> {
  const { port } = new URL(server.url);
  const socket = net.connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const CONNECT = 'CONNECT example.org:443 HTTP/1.1\r\nHost: localhost\r\n\r\n';

function upload(): Buffer {
  const before = '--xx\r\nContent-Disposition: form-data; name="file"; filename="half.wav"\r\n\r\n';
  const body = Buffer.concat([Buffer.from(before), song, Buffer.from('\r\n--xx--\r\n')]);
  const head =
    'POST /api/v1/separate HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=xx\r\n';
  return Buffer.concat([Buffer.from(`${head}Content-Length: ${String(body.length)}\r\n\r\n`), body]);
}

/** How many files of a task this process, which is the server's, has open. */
async function openFiles(taskId: string): Promise<number> {
  const descriptors = await readdir('/proc/self/fd');
  const targets = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return targets.filter((target) => target.includes(taskId)).length;
}

test('a client that closes its side right after its request gets its answer, and the connection ends', async () => {
  const answers = await sendRaw(server.url, [get('/api/v1/models')], { halfClose: true });
  expect(answers.map(({ status }) => status)).toEqual([200]);
});

test('all that it pipelined is answered', async () => {
  const sent = get('/api/v1/models') + get('/nothing') + get('/api/v1/tasks').repeat(50);
  const answers = await sendRaw(server.url, [sent], { halfClose: true });
  expect(answers.map(({ status }) => status)).toEqual([200, 404, ...Array<number>(50).fill(200)]);
});

test('a client that closes its side behind its song is told the task', async () => {
  const [answer] = await sendRaw(server.url, [upload()], { halfClose: true });
  expect(answer?.status).toBe(201);
  const { taskId, filename } = taskFilename(`\r\n\r\n${answer?.body ?? ''}`);
  expect(filename).toBe('half.wav');
  expect(await waitForTask(server.url, taskId, ended)).toMatchObject({ status: 'completed' });
});

test('a stem comes whole to it; where it does not read, it is cut, and the file closed', async () => {
  await server.plan('encode:1:5000000:2:0.5');
  const { task_id } = await submit(server.url, form({ instruments: 'drums' }, { bytes: song }));
  await waitForTask(server.url, task_id, ended);
  const ask = get(`/api/v1/download/${task_id}/drums.wav`);
  const [answer] = await sendRaw(server.url, [ask], { halfClose: true });
  expect(Number(answer?.headers.get('content-length'))).toBeGreaterThan(5_000_000);

  const still = await connect();
  still.end(ask);
  await expect.poll(() => openFiles(task_id)).toBe(1);
  await expect.poll(() => openFiles(task_id), { timeout: 2 * TIMEOUTS.stillMs + SLACK_MS }).toBe(0);
});

test.each([
  ['before it asked anything', ''],
  ['within its head', 'GET / HTTP/1.1\r\nHost: loc'],
])('a client that closes its side %s is not waited for', async (_, sent) => {
  const socket = await connect();
  socket.resume().end(sent);
  await expect.poll(() => socket.closed, { timeout: SLACK_MS }).toBe(true);
});

test('a client that goes away within its upload leaves nothing', async () => {
  const before = await server.stored('inputs');
  const socket = await connect();
  socket.write(upload().subarray(0, song.length / 2));
  await expect.poll(() => server.stored('inputs')).toHaveLength(before.length + 1);
  socket.end();
  await expect.poll(() => server.stored('inputs')).toEqual(before);
});

test.each([
  ['the wish for a tunnel', CONNECT],
  ['noise', 'noise\r\n\r\n'],
])('after %s the connection is closed, also where the client neither closes nor rests', async (_, sent) => {
  const socket = await connect();
  socket.write(sent);
  const trickle = setInterval(() => socket.writable && socket.write('and more\r\n'), 100);
  // A reset is what tells a client that goes on sending.
  await expect
    .poll(() => socket.destroyed, { timeout: SLACK_MS })
    .toBe(true)
    .finally(() => clearInterval(trickle));
});

test('a client that wishes for a tunnel and then resets the connection takes nothing with it', async () => {
  for (const sent of [CONNECT, get('/api/v1/tasks') + CONNECT]) {
    const socket = await connect();
    socket.write(sent);
    await once(socket, 'data');
    socket.resetAndDestroy();
  }
});

test('a stem that nobody reads is closed, also where a wish for a tunnel waits behind it', async () => {
  await server.plan('encode:1:5000000:2:0.5');
  const { task_id } = await submit(server.url, form({ instruments: 'drums' }, { bytes: song }));
  await waitForTask(server.url, task_id, ended);
  const still = await connect();
  still.write(get(`/api/v1/download/${task_id}/drums.wav`) + CONNECT);
  await expect.poll(() => openFiles(task_id)).toBe(1);
  await expect.poll(() => openFiles(task_id), { timeout: 2 * TIMEOUTS.stillMs + SLACK_MS }).toBe(0);
});
