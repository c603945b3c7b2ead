/** Requests that no well-behaved client sends, byte for byte: each is refused in the one error shape, and nobody else notices. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { call } from '../support/client.ts';
import { sendRaw } from '../support/rawHttp.ts';
import { expectRefusal } from '../support/refusals.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.dispose());

afterEach(async () => {
  expect((await call(`${server.url}/api/v1/health`)).status).toBe(200);
  await expect.poll(() => server.stored('inputs'), { timeout: 5_000 }).toEqual([]);
  expect(await server.stored('results')).toEqual([]);
  expect(await server.stored('scratch')).toEqual([]);
});

const HEALTH = 'GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n';
const POST = 'POST /api/v1/separate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n';
const FORM = 'Content-Type: multipart/form-data; boundary=xx\r\n';
const PART = '--xx\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF';
const END = '\r\n--xx--\r\n';

describe('a request that is no HTTP is answered 400 in the one error shape', () => {
  test.each([
    ['a line of noise', 'noise\r\n\r\n'],
    ['binary noise', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03])],
    ['a NUL in the path', 'GET /api/v1/tasks/\0 HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['an unknown protocol', 'GET / HTTX/1.1\r\nHost: localhost\r\n\r\n'],
    ['a version that does not exist', 'GET / HTTP/9.9\r\nHost: localhost\r\n\r\n'],
    ['an unknown method', 'BREW /api/v1/separate HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['a method in lower case', 'get /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['a blank in a header name', `${HEALTH}X Y: z\r\n\r\n`],
    ['a blank before a colon', `${HEALTH}Content-Length : 3\r\n\r\nabc`],
    ['a NUL in a header', `${HEALTH}X-A: a\0b\r\n\r\n`],
    ['a header without a colon', `${HEALTH}nonsense\r\n\r\n`],
    ['a header of 1 MB', `${HEALTH}X-A: ${'a'.repeat(1_000_000)}\r\n\r\n`],
    ['a path of 1 MB', `GET /${'a'.repeat(1_000_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`],
    ['headers of 1 MB', `${HEALTH}${'X-A: aaaaaaaaaa\r\n'.repeat(60_000)}\r\n`],
    ['no Host', 'GET /api/v1/health HTTP/1.1\r\nConnection: close\r\n\r\n'],
    ['HTTP/1.0 and no Host', 'GET /api/v1/health HTTP/1.0\r\n\r\n'],
    ['a Host that is none', 'GET / HTTP/1.1\r\nHost: a b/c?d#e@f\r\nConnection: close\r\n\r\n'],
    [
      'a target that is no path',
      'GET api/v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    ],
    ['a backslash in its path', 'GET /api\\v1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'],
    [
      'an absolute target that is none',
      'GET http://[ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    ],
    ['CONNECT', 'CONNECT example.org:443 HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ])('%s', async (_name, bytes) => {
    const answers = await sendRaw(server.url, [bytes]);
    expect(answers).toHaveLength(1);
    const [answer] = answers;
    expect(answer && [answer.status, expectRefusal(answer)]).toEqual([400, 'INVALID_PARAMETERS']);
  });
});

describe('a request that could mean two things to two servers is refused, and nothing after it is read', () => {
  const smuggled = 'GET /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\n\r\n';
  test.each([
    ['a length and chunks', `${POST}${FORM}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['chunks and a length', `${POST}${FORM}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n`],
    ['two lengths', `${POST}${FORM}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd`],
    ['a length of two numbers', `${POST}${FORM}Content-Length: 4, 5\r\n\r\nabcd`],
    ['a negative length', `${POST}${FORM}Content-Length: -1\r\n\r\n`],
    ['a length in hexadecimal', `${POST}${FORM}Content-Length: 0x4\r\n\r\nabcd`],
    ['a length beyond every number', `${POST}${FORM}Content-Length: ${'9'.repeat(40)}\r\n\r\n`],
    ['an unknown encoding', `${POST}${FORM}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
    ['chunked that is not the last', `${POST}${FORM}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
    [
      'chunked twice',
      `${POST}${FORM}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n`,
    ],
    [
      'a line feed alone',
      `${POST}${FORM}Content-Length: 0\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['two Hosts', `${HEALTH}HOST: elsewhere\r\n\r\n`],
    ['one Host twice', `${HEALTH}Host: localhost\r\n\r\n`],
  ])('%s', async (_name, bytes) => {
    const answers = await sendRaw(server.url, [bytes + smuggled]);
    expect(answers).toHaveLength(1);
    const [answer] = answers;
    expect(answer && [answer.status, expectRefusal(answer).startsWith('INVALID_')]).toEqual([400, true]);
  });
});

describe.each(['constructor', '__proto__', 'toString', 'hasOwnProperty', 'then'])(
  '%s, which every object of the language has, is no name of ours',
  (name) => {
    test.each([
      ['/docs/swagger-ui/NAME', 404],
      ['/NAME', 404],
      ['/api/v1/NAME', 404],
      ['/api/v1/models/NAME', 404],
      ['/api/v1/tasks/NAME', 404],
      ['/api/v1/tasks/NAME/results', 404],
      ['/api/v1/download/NAME/NAME', 404],
      ['/api/v1/tasks?status=NAME', 400],
      ['/api/v1/tasks?cursor=NAME', 400],
      ['/api/v1/tasks?limit=NAME', 400],
    ])('in %s', async (target, status) => {
      const [answer] = await sendRaw(server.url, [
        `GET ${target.replaceAll('NAME', name)} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
      ]);
      expect(answer?.status).toBe(status);
      if (answer) expectRefusal(answer);
    });

    test('in a form', async () => {
      const fields = ['model_type', 'output_format', 'pcm_type', 'use_tta', 'instruments', 'bigshifts', name];
      for (const field of fields) {
        const form = new FormData();
        form.append(field, name);
        form.append('file', new Blob(['RIFF']), name);
        const answer = await fetch(`${server.url}/api/v1/separate`, { method: 'POST', body: form });
        const { status, headers } = answer;
        expect(expectRefusal({ status, headers, body: await answer.text() })).toMatch(
          /^(INVALID|UNSUPPORTED)_/,
        );
      }
    });
  },
);

describe('a body that is not as it was announced leaves nothing', () => {
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
  const whole = PART + END;
  test.each([
    ['shorter than its length', `${POST}${FORM}Content-Length: 1000\r\n\r\n${whole}`],
    ['longer than its length', `${POST}${FORM}Content-Length: 20\r\n\r\n${whole}`],
    ['empty', `${POST}${FORM}Content-Length: 0\r\n\r\n`],
    ['absent', `${POST}${FORM}\r\n`],
    ['a chunk size of noise', `${POST}${FORM}Transfer-Encoding: chunked\r\n\r\nzz\r\n${whole}`],
    [
      'a chunk size beyond every number',
      `${POST}${FORM}Transfer-Encoding: chunked\r\n\r\n${'f'.repeat(40)}\r\n`,
    ],
    [
      'a chunk longer than its size',
      `${POST}${FORM}Transfer-Encoding: chunked\r\n\r\n2\r\n${whole}\r\n0\r\n\r\n`,
    ],
    ['chunks without an end', `${POST}${FORM}Transfer-Encoding: chunked\r\n\r\n${chunk(PART)}`],
    [
      'a chunk extension without end',
      `${POST}${FORM}Transfer-Encoding: chunked\r\n\r\n5;${'x'.repeat(100_000)}\r\n`,
    ],
    ['trailers of noise', `${POST}${FORM}Transfer-Encoding: chunked\r\n\r\n${chunk(PART)}0\r\nX Y\r\n\r\n`],
  ])('%s', async (_name, bytes) => {
    const answers = await sendRaw(server.url, [bytes], { halfClose: true });
    // One that hangs up in the middle may find nobody to answer.
    expect(answers.length).toBeLessThanOrEqual(1);
    for (const answer of answers) {
      expect([answer.status, expectRefusal(answer).startsWith('INVALID_')]).toEqual([400, true]);
    }
  });
});

describe('several requests on one connection', () => {
  const ask = (target: string, more = '') => `GET ${target} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;

  test('sent at once are answered one by one in their order, good and bad', async () => {
    const answers = await sendRaw(server.url, [
      ask('/api/v1/models') +
        ask('/api/v1/tasks/x') +
        ask('/nothing') +
        ask('/api/v1/tasks', 'Connection: close\r\n'),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 404, 200]);
  });

  test('a hundred at once are all answered', async () => {
    const answers = await sendRaw(server.url, [
      ask('/api/v1/tasks').repeat(99) + ask('/api/v1/tasks', 'Connection: close\r\n'),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(Array(100).fill(200));
  });

  test('before noise are answered, and the noise after them', async () => {
    const answers = await sendRaw(server.url, [`${ask('/api/v1/tasks')}${ask('/nothing')}noise\r\n\r\n`]);
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 400]);
  });

  test('with bodies, of which one is refused unread, are answered one by one', async () => {
    const post = (more: string) => `POST /api/v1/separate HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
    const body = PART + END;
    const sent = `${post(`${FORM}Content-Length: ${String(body.length)}\r\n`)}${body}`;
    const unread = `${post('Content-Type: text/plain\r\nContent-Length: 3\r\n')}abc`;
    const answers = await sendRaw(server.url, [
      sent + ask('/nothing') + unread + sent + ask('/api/v1/tasks', 'Connection: close\r\n'),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([400, 404, 400, 400, 200]);
  });
});

test('an expectation that nobody can meet is no reason to answer in another shape', async () => {
  const [answer] = await sendRaw(server.url, [
    `GET /api/v1/tasks/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: wonders\r\n\r\n`,
  ]);
  expect(answer && [answer.status, expectRefusal(answer)]).toEqual([404, 'TASK_NOT_FOUND']);
});

test('an upgrade to another protocol is not made', async () => {
  const [answer] = await sendRaw(server.url, [
    `${HEALTH}Connection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n`,
  ]);
  expect(answer?.status).toBe(200);
});
