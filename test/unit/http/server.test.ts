import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import os from 'node:os';
import { afterEach, describe, expect, test } from 'vitest';
import { startHttpApp, type HttpApp } from '../../support/httpApp.ts';
import { sendRaw } from '../../support/rawHttp.ts';

const LONG = 600_000;
const LONG_TIMEOUTS = { headersMs: LONG, stillMs: LONG, betweenMs: LONG };
const HEALTHY = { health: () => Promise.resolve({ status: 'healthy' } as never) };

let app: HttpApp;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await app.close();
});

function open(): Socket {
  const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  sockets.push(socket);
  return socket;
}
const get = (path: string, ...lines: string[]) =>
  [`GET ${path} HTTP/1.1`, 'Host: localhost', ...lines, '', ''].join('\r\n');
const LAST = 'Connection: close';
const NO_TARGET =
  'The request target is invalid: it must be a path that begins with a slash, or an http or https URL, without backslashes and control characters.';
/** What the client is told, in short. */
const told = (answers: Awaited<ReturnType<typeof sendRaw>>) =>
  answers.map(({ status, headers, body }) => [
    status,
    headers.get('connection'),
    (JSON.parse(body) as { detail?: string }).detail,
  ]);

describe('the address it listens at', () => {
  const hasIPv6 = Object.values(os.networkInterfaces())
    .flat()
    .some((at) => at?.address === '::1');

  test('is in its URL', async () => {
    app = await startHttpApp(HEALTHY);
    expect(app.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });

  test.runIf(hasIPv6)('is in its URL in brackets where it is one of IPv6', async () => {
    app = await startHttpApp(HEALTHY, { at: { host: '::1' } });
    expect(app.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect((await app.ask('/health')).status).toBe(200);
  });

  test('cannot be had where another listens already', async () => {
    app = await startHttpApp(HEALTHY);
    const second = startHttpApp(HEALTHY, { at: { port: Number(new URL(app.url).port) } });
    await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect((await app.ask('/health')).status).toBe(200);
  });
});

describe('what is no request', () => {
  test.each([
    ['nonsense', ['nonsense\r\n\r\n'], 'The request cannot be read as HTTP/1.1.'],
    [
      'too large a head',
      [get('/', `X-Large: ${'x'.repeat(20_000)}`)],
      'The headers of the request are too large: at most 16 KiB are allowed.',
    ],
    [
      'the wish for a tunnel',
      ['CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n'],
      'This server is not a proxy: request its own paths, with GET, POST or DELETE.',
    ],
    [
      'a request with two hosts',
      [get('/api/v1/health', 'Host: example.org')],
      'The request has several Host headers: send one.',
    ],
    [
      'a request with no host',
      ['GET /api/v1/health HTTP/1.1\r\n\r\n'],
      'The request has no Host header: send one.',
    ],
    [
      'a request of HTTP/1.0 with no host',
      ['GET /api/v1/health HTTP/1.0\r\n\r\n'],
      'The request has no Host header: send one.',
    ],
    [
      'a request with an empty Host',
      ['GET /api/v1/health HTTP/1.1\r\nHost:\r\n\r\n'],
      'The Host header is empty: it must contain the name or address of this server.',
    ],
    [
      'a request with a Host of blanks, for a whole URL',
      ['GET http://localhost/api/v1/health HTTP/1.1\r\nHost:   \r\n\r\n'],
      'The Host header is empty: it must contain the name or address of this server.',
    ],
    [
      'a request with a Host that is none',
      [`GET / HTTP/1.1\r\nHost: a b/c?d#e@f\r\n${LAST}\r\n\r\n`],
      'The Host header is invalid: it must be a name or an address, optionally followed by a colon and a port.',
    ],
    ['a target that makes no URL', [get('http://[', LAST)], NO_TARGET],
    ['a target that is no path', [get('api/v1/health', LAST)], NO_TARGET],
  ])('%s is answered with 400, and the connection ends', async (_, pieces, message) => {
    app = await startHttpApp(HEALTHY, { timeouts: LONG_TIMEOUTS });
    const answers = await sendRaw(app.url, pieces);
    expect(told(answers)).toEqual([[400, 'close', message]]);
    expect(app.lines).toMatchObject([{ msg: 'request', status: 400, method: null }]);
  });

  test('a request whose client ends it within its head is answered with 400', async () => {
    app = await startHttpApp(HEALTHY, { timeouts: LONG_TIMEOUTS });
    const socket = open();
    socket.end('GET / HTTP/1.1\r\nHost: loc');
    expect((await socket.toArray()).join('')).toContain('The request ended before it was complete.');
  });

  test('is answered after what came before it, and is the last', async () => {
    app = await startHttpApp(HEALTHY, { timeouts: LONG_TIMEOUTS });
    const answers = await sendRaw(app.url, [
      get('/api/v1/health') + 'nonsense\r\n\r\n' + get('/api/v1/health'),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 400]);
  });

  test.each([
    ['nonsense', 'nonsense\r\n\r\n'],
    ['two hosts', get('/api/v1/health', 'Host: localhost')],
    ['no URL', get('http://[', LAST)],
  ])('tells what the client has left, and counts for nothing: %s', async (_, bytes) => {
    app = await startHttpApp(HEALTHY, { timeouts: LONG_TIMEOUTS, rules: { requestsPerHour: 3 } });
    await app.ask('/no-such-route');
    for (let n = 0; n < 2; n += 1) {
      const [answer] = await sendRaw(app.url, [bytes]);
      expect([answer?.status, answer?.headers.get('x-ratelimit-remaining')]).toEqual([400, '2']);
    }
  });
});

describe('a request', () => {
  test('without a Host is refused in the one form of errors', async () => {
    app = await startHttpApp(HEALTHY);
    const [answer] = await sendRaw(app.url, [`GET /api/v1/health HTTP/1.1\r\n${LAST}\r\n\r\n`]);
    expect(answer?.status).toBe(400);
    expect(JSON.parse(answer?.body ?? '')).toMatchObject({ error: { code: 'INVALID_PARAMETERS' } });
  });

  test('of HTTP/1.0 is answered with the length of what comes, for it knows no chunks', async () => {
    app = await startHttpApp(HEALTHY);
    for (const path of ['/api/v1/health', '/api/v1/nothing']) {
      const [answer] = await sendRaw(app.url, [`GET ${path} HTTP/1.0\r\nHost: localhost\r\n\r\n`]);
      expect(answer?.headers.get('content-length')).toBe(String(answer?.body.length));
    }
  });

  test.each(['100-continue', 'something-else'])('that expects %s reaches its route', async (expectation) => {
    app = await startHttpApp(HEALTHY);
    const [answer] = await sendRaw(app.url, [get('/api/v1/health', `Expect: ${expectation}`, LAST)]);
    expect(answer?.status).toBe(200);
  });

  test('that asks whether to send its body is not told to go on by the server, but by its route', async () => {
    app = await startHttpApp(HEALTHY);
    const socket = open();
    socket.write(get('/api/v1/health', 'Expect: 100-continue', 'Content-Length: 5', LAST));
    expect((await socket.toArray()).join('')).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('is answered in its turn, however many come at once', async () => {
    let looks = 0;
    app = await startHttpApp({
      health: () => Promise.resolve({ status: 'healthy', look: ++looks } as never),
    });
    const pipelined = get('/api/v1/health').repeat(3) + get('/api/v1/health', LAST);
    const answers = await sendRaw(app.url, [pipelined]);
    expect(answers.map(({ body }) => (JSON.parse(body) as { look: number }).look)).toEqual([1, 2, 3, 4]);
  });
});

describe('a connection', () => {
  test('that brings no whole head in time is told so', async () => {
    app = await startHttpApp({}, { timeouts: { ...LONG_TIMEOUTS, headersMs: 30 } });
    expect(told(await sendRaw(app.url, ['GET / HTTP/1.1\r\nHost: loc']))).toEqual([
      [400, 'close', 'The headers of the request took too long: send them without a pause.'],
    ]);
  });

  test('that is used no more is closed', async () => {
    app = await startHttpApp(HEALTHY, { timeouts: { ...LONG_TIMEOUTS, betweenMs: 30 } });
    expect(await sendRaw(app.url, [get('/api/v1/health')])).toHaveLength(1);
  });

  test('on which nothing moves within a request is closed', async () => {
    app = await startHttpApp(
      { health: () => new Promise(() => undefined) },
      { timeouts: { ...LONG_TIMEOUTS, stillMs: 30 } },
    );
    expect(await sendRaw(app.url, [get('/api/v1/health')])).toEqual([]);
  });

  test('too many is closed at once', async () => {
    app = await startHttpApp(HEALTHY, { connections: { ofAll: 1, ofOneAddress: 1 } });
    const first = open();
    await once(first, 'connect');
    first.write(get('/api/v1/health'));
    await once(first, 'data');
    expect(await sendRaw(app.url, [get('/api/v1/health')])).toEqual([]);
    expect(app.lines).toContainEqual(
      expect.objectContaining({ msg: 'a connection was refused: too many are open', address: '127.0.0.1' }),
    );
  });
});

describe('a server that ends', () => {
  test('closes what waits between two requests, and takes nothing new', async () => {
    app = await startHttpApp(HEALTHY, { timeouts: LONG_TIMEOUTS });
    const idle = open();
    idle.write(get('/api/v1/health'));
    await once(idle, 'data');
    const closed = once(idle, 'close');
    await app.close(LONG);
    await closed;
    await expect(app.ask('/health')).rejects.toThrow();
  });

  /** A server that answers when `answer` is called; `asked` is when it is to. */
  async function startSlow() {
    let answer = (): void => undefined;
    let tell = (): void => undefined;
    const asked = new Promise<void>((resolve) => (tell = resolve));
    app = await startHttpApp(
      {
        health: () =>
          new Promise((give) => {
            answer = () => {
              give({ status: 'healthy' } as never);
            };
            tell();
          }),
      },
      { timeouts: LONG_TIMEOUTS },
    );
    const socket = open();
    let text = '';
    socket.on('data', (data: Buffer) => (text += data.toString()));
    const closed = once(socket, 'close');
    socket.write(get('/api/v1/health', LAST));
    await asked;
    return {
      answer: () => {
        answer();
      },
      received: async () => {
        await closed;
        return text;
      },
    };
  }

  test('lets an open request end', async () => {
    const { answer, received } = await startSlow();
    const closing = app.close(LONG);
    answer();
    await closing;
    expect(await received()).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('cuts a request that does not end in time', async () => {
    const { received } = await startSlow();
    await app.close(20);
    expect(await received()).toBe('');
  });
});
