import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { boundConnections, connectionBounds } from '../../../../src/http/connections/connections.ts';

const sockets: Socket[] = [];
let server: ReturnType<typeof createServer>;
let lines: Record<string, unknown>[];

/** Listens, with these bounds; whoever is let in is greeted. */
async function listen(bounds: { ofAll: number; ofOneAddress: number }) {
  const write = (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>);
  boundConnections(server, bounds, pino({ base: null }, { write }));
  server.on('connection', (socket) => {
    socket.on('error', () => undefined);
    if (!socket.destroyed) socket.write('hello');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}

/** Connects from one of the addresses of this machine. */
function open(localAddress = '127.0.0.1'): Socket {
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  socket.on('error', () => undefined);
  sockets.push(socket);
  return socket;
}

/** Whether the server lets it in; else it is closed without a word. */
async function isLetIn(socket: Socket): Promise<boolean> {
  const greeted = once(socket, 'data').then(
    () => true,
    () => false,
  );
  return Promise.race([greeted, once(socket, 'close').then(() => false)]);
}

beforeEach(() => {
  lines = [];
  server = createServer();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server.close();
  await once(server, 'close');
});

test('an address has as many connections as its bound, and others have theirs', async () => {
  await listen({ ofAll: 10, ofOneAddress: 2 });
  expect([await isLetIn(open()), await isLetIn(open()), await isLetIn(open())]).toEqual([true, true, false]);
  expect(await isLetIn(open('127.0.0.2'))).toBe(true);
});

test('all addresses have a bound together', async () => {
  await listen({ ofAll: 2, ofOneAddress: 2 });
  expect([await isLetIn(open()), await isLetIn(open('127.0.0.2')), await isLetIn(open('127.0.0.3'))]).toEqual(
    [true, true, false],
  );
});

test('one that is refused is told to the log, with whose it was and what is allowed, and takes no place', async () => {
  await listen({ ofAll: 3, ofOneAddress: 1 });
  const answers = [];
  for (const address of ['127.0.0.1', '127.0.0.1', '127.0.0.1', '127.0.0.2', '127.0.0.3'])
    answers.push(await isLetIn(open(address)));
  expect(answers).toEqual([true, false, false, true, true]);
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatchObject({
    level: 40,
    msg: 'a connection was refused: too many are open',
    address: '127.0.0.1',
    ofAll: 3,
    ofOneAddress: 1,
  });
});

test('one that closes gives its place back', async () => {
  await listen({ ofAll: 1, ofOneAddress: 1 });
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const first = open();
  expect(await isLetIn(first)).toBe(true);
  const [seen] = await accepted;
  const closed = once(seen, 'close');
  first.destroy();
  await closed;
  expect(await isLetIn(open())).toBe(true);
  expect(await isLetIn(open())).toBe(false);
});

describe('the bounds', () => {
  /** As the kernel writes them. */
  const limits = (openFiles: string) =>
    [
      'Limit                     Soft Limit           Hard Limit           Units     ',
      'Max cpu time              unlimited            unlimited            seconds   ',
      `Max open files            ${openFiles.padEnd(20)} 1048576              files     `,
      'Max locked memory         8388608              8388608              bytes     ',
    ].join('\n');
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-limits-'));
  });
  afterEach(() => rm(folder, { recursive: true }));
  const boundsWith = async (openFiles: string, trustsProxy = false) => {
    const file = path.join(folder, 'limits');
    await writeFile(file, limits(openFiles));
    return connectionBounds(trustsProxy, file);
  };

  test('leave a third of the descriptors to everything else, and each connection two', async () => {
    expect(await boundsWith('1024')).toEqual({ ofAll: 341, ofOneAddress: 171 });
  });

  test('are no more than honest clients need, however many descriptors there are', async () => {
    expect(await boundsWith('1048576')).toEqual({ ofAll: 4_096, ofOneAddress: 1_024 });
  });

  test('of one address are those of all behind a proxy, whose address all have', async () => {
    expect(await boundsWith('1024', true)).toEqual({ ofAll: 341, ofOneAddress: 341 });
  });

  test.each(['unlimited', ''])('are the usual ones where the limit is "%s"', async (openFiles) => {
    expect(await boundsWith(openFiles)).toEqual({ ofAll: 4_096, ofOneAddress: 1_024 });
  });

  test('are the usual ones where nothing tells a limit', async () => {
    const missing = path.join(folder, 'missing');
    expect(await connectionBounds(false, missing)).toEqual({ ofAll: 4_096, ofOneAddress: 1_024 });
  });

  test('are had from this very process', async () => {
    expect((await connectionBounds(false)).ofAll).toBeGreaterThan(0);
  });
});
