import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Quota } from '../../../../src/http/connections/quota.ts';
import { createTurns } from '../../../../src/http/connections/turns.ts';

/** What one read of a connection can bring. */
const READ_BYTES = 64 * 1024;
const ask = (target: string) => `GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

type Held = [IncomingMessage, ServerResponse];

/** A real server that answers nothing by itself: the test holds the requests whose turn it is. */
async function start(bounds = { ofOneAddress: 20_000, ofAll: 20_000 }) {
  const held: Held[] = [];
  const connections: Socket[] = [];
  const quota = new Quota(bounds);
  const turns = createTurns({
    answer: (...request) => held.push(request),
    quota,
    addressOf: () => 'somebody',
  });
  const server = createServer((request, response) => {
    turns.request(request, response);
  });
  server.on('connection', (socket) => connections.push(socket));
  server.on('clientError', (_error, socket) => {
    turns.fault(socket, () => socket.end('HTTP/1.1 400 Bad\r\n\r\n'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    held,
    quota,
    /** The server's end of the only connection. */
    get connection() {
      const [socket] = connections;
      if (!socket) throw new Error('nobody has connected');
      return socket;
    },
    async connect() {
      const client = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
      const seen = { client, received: '' };
      client.setEncoding('latin1').on('data', (text: string) => (seen.received += text));
      client.on('error', () => undefined);
      await once(client, 'connect');
      return seen;
    },
    /** The request whose turn is the `n`th, when it has come. */
    async turn(n: number): Promise<Held> {
      while (held.length < n) await setImmediate();
      const request = held[n - 1];
      if (!request) throw new Error('unreachable');
      return request;
    },
  };
}

const statuses = (received: string) =>
  [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);

test('of all that a client pipelines one request is worked at, in order, and all are answered', async () => {
  const server = await start();
  const { client } = await server.connect();
  const count = 1_000;
  let answers = 0;
  client.on('data', (text: string) => (answers += text.split('HTTP/1.1 200').length - 1));
  client.write(Array.from({ length: count }, (_, n) => ask(`/${String(n)}`)).join(''));
  for (let n = 1; n <= count; n += 1) {
    const [request, response] = await server.turn(n);
    expect(server.held).toHaveLength(n);
    expect(request.url).toBe(`/${String(n - 1)}`);
    response.end('ok');
  }
  await expect.poll(() => answers).toBe(count);
});

test('a connection is not read while a request of it waits, however much the answer before it moves', async () => {
  const server = await start();
  const { client } = await server.connect();
  client.write(ask('/first') + ask('/second'));
  const [, response] = await server.turn(1);
  for (let n = 0; n < 40; n += 1) client.write(ask('/more').repeat(1_000));
  response.writeHead(200, { 'content-length': String(200 * READ_BYTES) });
  // Each piece goes out before the next is written, and Node takes every such drain for a reason to read on.
  for (let piece = 0; piece < 200; piece += 1) {
    if (!response.write(Buffer.alloc(READ_BYTES))) await once(response, 'drain');
  }
  expect(server.connection.bytesRead).toBeLessThanOrEqual(2 * READ_BYTES);
  expect(server.held).toHaveLength(1);
  response.end();
  expect((await server.turn(2))[0].url).toBe('/second');
});

test.each([1, 2, 3])(
  'a connection is read on as soon as nothing of it waits, and not before: %d',
  async (count) => {
    const server = await start();
    const { client } = await server.connect();
    client.write(ask('/').repeat(count));
    for (let n = 1; n <= count; n += 1) {
      const [, response] = await server.turn(n);
      expect(server.connection.isPaused()).toBe(n < count);
      response.end();
    }
  },
);

test('what comes while one that waited is worked at waits in its turn', async () => {
  const server = await start();
  const { client } = await server.connect();
  client.write(ask('/first') + ask('/second'));
  (await server.turn(1))[1].end();
  const [, second] = await server.turn(2);
  client.write(ask('/third'));
  await expect.poll(() => server.connection.isPaused()).toBe(true);
  expect(server.held).toHaveLength(2);
  second.end();
  expect((await server.turn(3))[0].url).toBe('/third');
});

test('an upload that waits for its turn comes whole when it has it', async () => {
  const server = await start();
  const { client } = await server.connect();
  const bytes = 40 * READ_BYTES;
  client.write(
    `${ask('/first')}POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${String(bytes)}\r\n\r\n`,
  );
  client.write(Buffer.alloc(bytes));
  client.write(ask('/last'));
  (await server.turn(1))[1].end();
  const [upload, response] = await server.turn(2);
  let came = 0;
  for await (const piece of upload) came += (piece as Buffer).length;
  expect(came).toBe(bytes);
  response.end();
  (await server.turn(3))[1].end();
});

test('who has more waiting than he may is cut, and what he had waiting counts no more', async () => {
  const server = await start({ ofOneAddress: 10, ofAll: 100 });
  const greedy = await server.connect();
  const closed = once(greedy.client, 'close');
  greedy.client.write(ask('/').repeat(12));
  await closed;
  const next = await server.connect();
  next.client.write(ask('/').repeat(11));
  for (let n = 2; n <= 12; n += 1) (await server.turn(n))[1].end();
  await expect.poll(() => statuses(next.received)).toHaveLength(11);
});

test('a client that goes takes all that waited with it: nothing of it is begun', async () => {
  const server = await start({ ofOneAddress: 10, ofAll: 10 });
  for (let n = 1; n <= 3; n += 1) {
    const { client } = await server.connect();
    client.write(ask('/').repeat(11));
    const [{ socket }, response] = await server.turn(n);
    client.destroy();
    // A connection that is not read is known to be closed when something is written to it.
    while (!socket.closed) {
      response.write('more');
      await setImmediate();
    }
  }
  await setImmediate();
  expect(server.held).toHaveLength(3);
});

describe('what is no request', () => {
  test('is told after the answers to those before it', async () => {
    const server = await start();
    const seen = await server.connect();
    seen.client.write(`${ask('/a')}${ask('/b')}noise\r\n\r\n`);
    for (const n of [1, 2]) (await server.turn(n))[1].end();
    await once(seen.client, 'close');
    expect(statuses(seen.received)).toEqual(['200', '200', '400']);
  });

  test('is told in place of the answer where it stands in the body of that request', async () => {
    const server = await start();
    const seen = await server.connect();
    const broken = 'POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n';
    seen.client.write(ask('/a') + broken);
    (await server.turn(1))[1].end();
    await once(seen.client, 'close');
    expect(statuses(seen.received)).toEqual(['200', '400']);
    expect(server.held).toHaveLength(1);
  });

  test('is told at once in the body of a request whose answer has not begun', async () => {
    const server = await start();
    const seen = await server.connect();
    seen.client.write('POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n');
    await once(seen.client, 'close');
    expect(statuses(seen.received)).toEqual(['400']);
  });

  test('is told once, however much of it follows', () => {
    const turns = createTurns({
      answer: () => undefined,
      quota: new Quota({ ofOneAddress: 1, ofAll: 1 }),
      addressOf: () => 'somebody',
    });
    const [connection, other, tell] = [new PassThrough(), new PassThrough(), vi.fn()];
    turns.fault(connection, tell);
    turns.fault(connection, tell);
    expect(tell).toHaveBeenCalledTimes(1);
    turns.fault(other, tell);
    expect(tell).toHaveBeenCalledTimes(2);
  });

  test('cuts the connection where that answer has begun', async () => {
    const server = await start();
    const seen = await server.connect();
    seen.client.write('POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n');
    const [, response] = await server.turn(1);
    response.writeHead(200, { 'content-length': '10' }).write('begun');
    await expect.poll(() => seen.received).toContain('begun');
    seen.client.write('zz\r\n');
    await once(seen.client, 'close');
    expect(statuses(seen.received)).toEqual(['200']);
  });
});
