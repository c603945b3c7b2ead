/** Clients that send or read slowly, or not at all: raw connections to a server with short timeouts. */
import { once } from 'node:events';
import { readdir, readlink } from 'node:fs/promises';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ended, form, parseProblem, submit, taskFilename, waitForTask } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

const TIMEOUTS = { headersMs: 600, stillMs: 1_000, betweenMs: 300 };
/** So long after its time a connection must be cut, also on a busy machine. */
const SLACK_MS = 5_000;
/** A moving client pauses so long between two pieces: well below what is allowed. */
const PAUSE_MS = 100;
const song = makeWav(0.5);

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({}, undefined, [], undefined, TIMEOUTS);
});
afterAll(() => server.dispose());

/** A connection, with what came over it and when it was closed. */
async function connect() {
  const socket = net.connect(Number(new URL(server.url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.setNoDelay(true);
  const connection = { socket, received: '', openedAt: performance.now(), closedAfterMs: NaN };
  socket.setEncoding('latin1').on('data', (text: string) => (connection.received += text));
  socket.on('error', () => undefined);
  socket.on('close', () => (connection.closedAfterMs = performance.now() - connection.openedAt));
  return connection;
}

const untilCut = (connection: { socket: net.Socket }, ms: number) =>
  expect.poll(() => connection.socket.closed, { timeout: ms + SLACK_MS, interval: 20 }).toBe(true);

const bodyOf = (answer: string) => answer.slice(answer.indexOf('\r\n\r\n') + 4);

const BOUNDARY = 'slow-boundary';
const body = Buffer.concat([
  Buffer.from(
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="slow.wav"\r\nContent-Type: audio/wav\r\n\r\n`,
  ),
  song,
  Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
]);
const head =
  `POST /api/v1/separate HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=${BOUNDARY}\r\n` +
  `Content-Length: ${String(body.length)}\r\n\r\n`;

test('headers that come bit by bit are cut when their time is over, with a sentence', async () => {
  const connection = await connect();
  connection.socket.write('GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n');
  const trickle = setInterval(() => connection.socket.write('X-More: and more\r\n'), PAUSE_MS);
  await untilCut(connection, TIMEOUTS.headersMs);
  clearInterval(trickle);
  expect(connection.closedAfterMs).toBeGreaterThanOrEqual(TIMEOUTS.headersMs);
  expect(connection.received).toMatch(/^HTTP\/1\.1 400 /);
  expect(parseProblem(JSON.parse(bodyOf(connection.received))).detail).toBe(
    'The headers of the request took too long: send them without a pause.',
  );
});

test('a connection on which nothing is ever asked is cut', async () => {
  const connection = await connect();
  await untilCut(connection, TIMEOUTS.headersMs);
  expect(connection.closedAfterMs).toBeGreaterThanOrEqual(TIMEOUTS.headersMs / 2);
});

test('a connection that was answered and then rests is closed; one that asks again in time is not', async () => {
  const connection = await connect();
  const ask = 'GET /api/v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const answers = () => connection.received.split('HTTP/1.1 200 ').length - 1;
  for (let asked = 1; asked <= 4; asked += 1) {
    connection.socket.write(ask);
    await expect.poll(answers).toBe(asked);
    await sleep(PAUSE_MS);
  }
  // Longer than it may rest, and still open.
  expect(performance.now() - connection.openedAt).toBeGreaterThan(TIMEOUTS.betweenMs);
  await untilCut(connection, TIMEOUTS.betweenMs);
});

test('an upload that stands still is cut, and what came of it is removed', async () => {
  const before = await server.stored('inputs');
  const connection = await connect();
  connection.socket.write(head);
  connection.socket.write(body.subarray(0, body.length / 2));
  await expect.poll(() => server.stored('inputs')).toHaveLength(before.length + 1);
  await untilCut(connection, TIMEOUTS.stillMs);
  expect(connection.closedAfterMs).toBeGreaterThanOrEqual(TIMEOUTS.stillMs);
  await expect.poll(() => server.stored('inputs')).toEqual(before);
});

test('an upload that moves may take longer than any of these times', async () => {
  const connection = await connect();
  connection.socket.write(head);
  const pieces = 18;
  for (let piece = 0; piece < pieces; piece += 1) {
    const at = (part: number) => Math.round((body.length * part) / pieces);
    connection.socket.write(body.subarray(at(piece), at(piece + 1)));
    await sleep(PAUSE_MS);
  }
  expect(performance.now() - connection.openedAt).toBeGreaterThan(TIMEOUTS.stillMs + TIMEOUTS.headersMs);
  await expect.poll(() => connection.received).toMatch(/^HTTP\/1\.1 201 [^]*\r\n\r\n/);
  const { taskId, filename } = taskFilename(connection.received);
  expect(filename).toBe('slow.wav');
  expect(await waitForTask(server.url, taskId, ended)).toMatchObject({ status: 'completed' });
});

test('a download that nobody reads is cut, and its file closed; one that is read slowly comes whole', async () => {
  // More than the buffers of two sockets hold.
  await server.plan('encode:1:5000000:2:0.5');
  const { task_id } = await submit(server.url, form({ instruments: 'drums' }, { bytes: song }));
  await waitForTask(server.url, task_id, ended);
  const ask = `GET /api/v1/download/${task_id}/drums.wav HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;

  const still = await connect();
  still.socket.write(ask);
  await expect.poll(() => still.received.length).toBeGreaterThan(0);
  still.socket.pause();
  expect(await openFiles(task_id)).toBe(1);
  await expect.poll(() => openFiles(task_id), { timeout: 2 * TIMEOUTS.stillMs + SLACK_MS }).toBe(0);
  still.socket.destroy();

  const slow = await connect();
  slow.socket.write(ask);
  while (!slow.socket.closed) {
    slow.socket.pause();
    await sleep(PAUSE_MS);
    const had = slow.received.length;
    slow.socket.resume();
    await expect
      .poll(() => slow.socket.closed || slow.received.length > had + 2_000_000, { interval: 1 })
      .toBe(true);
  }
  expect(slow.closedAfterMs).toBeGreaterThan(TIMEOUTS.stillMs);
  const length = Number(/content-length: (\d+)/i.exec(slow.received)?.[1]);
  expect(bodyOf(slow.received)).toHaveLength(length);
});

/** How many files of a task this process, which is the server's, has open. */
async function openFiles(taskId: string): Promise<number> {
  const descriptors = await readdir('/proc/self/fd');
  const targets = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return targets.filter((target) => target.includes(taskId)).length;
}
