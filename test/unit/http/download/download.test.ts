import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { pino } from 'pino';
import { downloadApp, ETAG, newOutgoing } from '../../../support/downloadApp.ts';

const CONTENT = Buffer.from('0123456789');

async function get(headers: Record<string, string> = {}, method = 'GET', content = CONTENT) {
  const response = await downloadApp(content).request('/', { headers, method });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

test('the whole file comes with all that a client needs to save it, and to ask for parts of it later', async () => {
  const answer = await get();
  expect(answer).toMatchObject({ status: 200, body: '0123456789' });
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'accept-ranges': 'bytes',
    'content-length': '10',
    'content-type': 'audio/wav',
    'content-disposition': 'attachment; filename="song_drums.wav"',
    'x-content-type-options': 'nosniff',
    etag: ETAG,
  });
  expect(answer.headers.has('content-range')).toBe(false);
});

test.each([
  ['bytes=0-0', 'bytes 0-0/10', '0'],
  ['bytes=3-5', 'bytes 3-5/10', '345'],
  ['bytes=7-', 'bytes 7-9/10', '789'],
  ['bytes=-2', 'bytes 8-9/10', '89'],
  ['bytes=-10', 'bytes 0-9/10', '0123456789'],
  ['bytes=-500', 'bytes 0-9/10', '0123456789'],
  ['bytes=0-99999999999999999999', 'bytes 0-9/10', '0123456789'],
  ['BYTES=1-1', 'bytes 1-1/10', '1'],
])('the range %s is %s', async (range, contentRange, body) => {
  const answer = await get({ range });
  expect(answer).toMatchObject({ status: 206, body });
  expect(answer.headers.get('content-range')).toBe(contentRange);
  expect(answer.headers.get('content-length')).toBe(String(body.length));
  expect(answer.headers.get('etag')).toBe(ETAG);
});

test.each(['bytes=10-', 'bytes=10-20', 'bytes=-0', 'bytes=99999999999999999999-'])(
  'the range %s lies outside: the answer says how long the file is',
  async (range) => {
    const answer = await get({ range });
    expect(answer.status).toBe(416);
    expect(answer.headers.get('content-range')).toBe('bytes */10');
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code: 'RANGE_NOT_SATISFIABLE' } });
  },
);

test.each([
  'bytes=5-1',
  'bytes=50-10',
  'bytes=0-1,5-1',
  'bytes=5-1,0-1',
  'bytes=0-1,x',
  'bytes=-2-',
  'bytes=',
  'bytes=a-b',
  'bytes=1',
  'bytes=1e1-2',
  'items=0-1',
  '0-1',
  'bytes=0x1-2',
  'bytes=--1',
])('the range %j is none: the whole file comes', async (range) => {
  expect(await get({ range })).toMatchObject({ status: 200, body: '0123456789' });
});

test.each([
  ['blanks between commas', `bytes=0-${', '.repeat(5_000)}x`],
  ['digits', `bytes=${'9'.repeat(15_000)}x`],
  ['digits of a suffix', `bytes=-${'9'.repeat(15_000)},x`],
])('a Range header of many %s is read in one pass: the whole file comes', async (_what, range) => {
  expect(await get({ range })).toMatchObject({ status: 200, body: '0123456789' });
});

test.each([0, 1])('a file whose client goes after %i chunks is let go of', async (chunks) => {
  const source = Readable.from([CONTENT.subarray(0, 5), CONTENT.subarray(5)]);
  const response = await downloadApp(CONTENT, undefined, () => source).request('/');
  const reader = response.body?.getReader();
  for (let chunk = 0; chunk < chunks; chunk += 1) await reader?.read();
  expect(source.destroyed).toBe(false);
  await reader?.cancel();
  expect(source.destroyed).toBe(true);
});

test.each(['HEAD', 'GET'])('a file of which nothing is sent is not opened: %s', async (method) => {
  let opened = 0;
  const app = downloadApp(CONTENT, undefined, () => {
    opened += 1;
    return Readable.from([CONTENT]);
  });
  const ask = (headers: Record<string, string>) => app.request('/', { method, headers });
  await ask({ 'if-none-match': ETAG });
  if (method === 'HEAD') await ask({});
  else await ask({ range: 'bytes=50-' });
  expect(opened).toBe(0);
});

test.each([false, true])(
  'a file is let go of when its answer is over, read or not (over before: %s)',
  async (isOver) => {
    const outgoing = newOutgoing();
    const source = Readable.from([CONTENT]);
    const app = downloadApp(CONTENT, undefined, () => source, { makeOutgoing: () => outgoing });
    if (isOver) outgoing.destroy();
    await app.request('/');
    expect(source.destroyed).toBe(isOver);
    outgoing.destroy();
    outgoing.emit('close');
    expect(source.destroyed).toBe(true);
  },
);

test('a file that cannot be read to its end breaks the answer off, and the log says why', async () => {
  const source = new Readable({
    read() {
      this.push(CONTENT.subarray(0, 5));
      this.destroy(new Error('the disk is gone'));
    },
  });
  const lines: string[] = [];
  const log = pino({ base: null }, { write: (line: string) => lines.push(line) });
  const outgoing = newOutgoing();
  const app = downloadApp(CONTENT, undefined, () => source, { log, makeOutgoing: () => outgoing });
  const response = await app.request('/');
  expect(await response.text()).toBe('01234');
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
    { level: 50, msg: 'a download broke off', err: { message: 'the disk is gone' } },
  ]);
  expect(outgoing.destroyed).toBe(true);
});

test('several ranges at once get the whole file', async () => {
  expect(await get({ range: 'bytes=0-1,4-5' })).toMatchObject({ status: 200, body: '0123456789' });
});

describe('If-Range', () => {
  test('of this very file gives the range', async () => {
    expect(await get({ range: 'bytes=1-2', 'if-range': ETAG })).toMatchObject({ status: 206, body: '12' });
  });

  test.each([`"${'00'.repeat(32)}"`, `W/${ETAG}`, 'Sat, 21 Nov 2026 12:00:00 GMT', 'nonsense'])(
    'of %s gives the whole file, even for a range that lies outside',
    async (condition) => {
      for (const range of ['bytes=1-2', 'bytes=50-']) {
        expect(await get({ range, 'if-range': condition })).toMatchObject({
          status: 200,
          body: '0123456789',
        });
      }
    },
  );
});

describe('If-None-Match', () => {
  test.each([ETAG, `W/${ETAG}`, '*', `"other", ${ETAG}`])(
    '%s says that the client has it',
    async (condition) => {
      const answer = await get({ 'if-none-match': condition, range: 'bytes=0-1' });
      expect(answer).toMatchObject({ status: 304, body: '' });
      expect(answer.headers.get('etag')).toBe(ETAG);
    },
  );

  test.each(['"other"', '', ETAG.slice(1, -1)])('%j does not', async (condition) => {
    expect(await get({ 'if-none-match': condition })).toMatchObject({ status: 200, body: '0123456789' });
  });
});

describe('HEAD', () => {
  test('tells everything about the file but its content', async () => {
    const [head, whole] = [await get({}, 'HEAD'), await get()];
    expect(head).toMatchObject({ status: 200, body: '' });
    expect(Object.fromEntries(head.headers)).toMatchObject({ 'content-length': '10', etag: ETAG });
    expect(head.headers.get('content-disposition')).toBe(whole.headers.get('content-disposition'));
  });

  test('takes no range: RFC 9110 defines it for GET alone', async () => {
    const head = await get({ range: 'bytes=0-1' }, 'HEAD');
    expect(head.status).toBe(200);
    expect(head.headers.get('content-length')).toBe('10');
    expect((await get({ range: 'bytes=50-' }, 'HEAD')).status).toBe(200);
  });
});

test('an empty file comes empty, and has no range', async () => {
  expect(await get({}, 'GET', Buffer.alloc(0))).toMatchObject({ status: 200, body: '' });
  expect((await get({ range: 'bytes=0-' }, 'GET', Buffer.alloc(0))).status).toBe(416);
});

test.each([
  ['müsik "🎵"_drums.wav', /^attachment; filename="m\?sik /, '🎵'],
  // Latin-1 alone, which the header could hold as it is.
  ['À la claire_drums.wav', /^attachment; filename="\? la claire_drums\.wav"; filename\*=UTF-8''/, 'À'],
])('the name %j is given in ASCII and in the way that holds all of it', async (name, start, part) => {
  const response = await downloadApp(CONTENT, name).request('/');
  const header = response.headers.get('content-disposition') ?? '';
  expect(header).toMatch(start);
  expect(header).toMatch(/^[ -~]*$/);
  expect(header).toContain(encodeURIComponent(part));
  await response.text();
});
