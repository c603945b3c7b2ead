import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startUploadServer, type UploadServer } from '../../support/uploadServer.ts';

const TYPE = 'multipart/form-data; boundary=XX';
const MAX_BYTES = 100_000;

let server: UploadServer;
beforeAll(async () => {
  server = await startUploadServer(MAX_BYTES);
});
afterAll(() => server.close());

const part = (disposition: string, content: string | Buffer, more = '') =>
  Buffer.concat([
    Buffer.from(`--XX\r\nContent-Disposition: form-data${disposition}\r\n${more}\r\n`),
    Buffer.from(content),
    Buffer.from('\r\n'),
  ]);
const file = (content: string | Buffer = 'audio', name = 'song.wav') =>
  part(`; name="file"; filename="${name}"`, content, 'Content-Type: audio/wav\r\n');
const field = (name: string, value: string) => part(`; name="${name}"`, value);
const end = Buffer.from('--XX--\r\n');

const post = (...pieces: Buffer[]) => server.post({ contentType: TYPE, pieces });
const manyFields = () => Array.from({ length: 90 }, (_, i) => field(`a${String(i)}`, 'x'.repeat(1_000)));
const base64 = (text: string) => Buffer.from(text).toString('base64');

afterEach(async () => {
  // Whatever a request was: nothing of it stays, and the next one is read as ever.
  expect(await post(file(), end)).toMatchObject({ file: { base64: base64('audio') } });
  expect(await server.stored()).toEqual([]);
});

describe('a form', () => {
  test('is read with its fields in order and its file', async () => {
    expect(
      await post(field('a', '1'), file('x', 'my song.wav'), field('a', '2'), field('b', ''), end),
    ).toEqual({
      fields: [
        ['a', ['1', '2']],
        ['b', ['']],
      ],
      file: { filename: 'my song.wav', base64: base64('x') },
      extraFiles: 0,
    });
  });

  test('may name its file `audio`, and may come in chunks of unknown length', async () => {
    const pieces = [part('; name="audio"; filename="a.mp3"', 'x'), end];
    expect(await server.post({ contentType: TYPE, pieces, contentLength: 'chunked' })).toMatchObject({
      file: { filename: 'a.mp3' },
      extraFiles: 0,
    });
  });

  test('without a file says so', async () => {
    expect(await post(field('a', '1'), end)).toMatchObject({ file: null, extraFiles: 0 });
  });

  test('with an empty file gives it, empty', async () => {
    expect(await post(file(''), end)).toMatchObject({ file: { base64: '' } });
  });

  test('with a file part that has no file name gives one a name all the same', async () => {
    expect(await post(part('; name="file"', 'audio'), end)).toMatchObject({
      file: { filename: '', base64: base64('audio') },
    });
  });

  test('with two files keeps the first and counts the other', async () => {
    expect(await post(file('one'), file('two'.repeat(50_000)), end)).toMatchObject({
      file: { base64: base64('one') },
      extraFiles: 1,
    });
  });

  test('with a file under another name keeps none, and names the field', async () => {
    expect(await post(part('; name="song"; filename="a.wav"', 'x'), end)).toMatchObject({
      fields: [['song', ['']]],
      file: null,
      extraFiles: 1,
    });
  });

  test('keeps a name that means something to JavaScript as a name', async () => {
    expect(await post(field('__proto__', 'x'), field('constructor', 'y'), end)).toMatchObject({
      fields: [
        ['__proto__', ['x']],
        ['constructor', ['y']],
      ],
    });
  });

  test('keeps a file name only by its last part, in the letters it was sent', async () => {
    expect(await post(file('x', '../../müsik 🎵.wav'), end)).toMatchObject({
      file: { filename: 'müsik 🎵.wav' },
    });
  });

  test.each([
    // As .NET's MultipartFormDataContent sends it, with and without quotes of the caller's own around the name.
    `; name="file"; filename="=?utf-8?B?c8O2bmcud2F2?="; filename*=utf-8''s%C3%B6ng.wav`,
    `; name=file; filename="=?utf-8?B?c8O2bmcud2F2?="; filename*=utf-8''s%C3%B6ng.wav`,
    `; name="file"; filename*=UTF-8'de's%c3%b6ng.wav; filename="song.wav"`,
    `; name="file"; filename="a \\"b\\" ; filename*=x.wav"; filename*=iso-8859-1''s%F6ng.wav`,
    `; filename*=utf-8''s%C3%B6ng.wav; name="file"`,
    // What is no extended value counts for nothing.
    `; name="file"; filename="söng.wav"; filename*=koi8-r''%C1.wav`,
    `; name="file"; filename="söng.wav"; filename*=utf-8''`,
    `; name="file"; filename="söng.wav"; filename*="x.wav"`,
  ])('with two names of one file is known by the one that can say every letter: %s', async (disposition) => {
    expect(await post(part(disposition, 'x'), end)).toMatchObject({ file: { filename: 'söng.wav' } });
  });

  test('keeps no line break of a file name that comes percent-encoded', async () => {
    const answer = await post(part(`; name="file"; filename*=utf-8''a%0D%0Ab.wav`, 'x'), end);
    expect(answer).not.toMatchObject({ file: { filename: expect.stringMatching(/[\r\n]/) as string } });
  });

  test.each([
    ['Content-Transfer-Encoding', 'binary'],
    ['Content-Transfer-Encoding', '8bit'],
    ['Content-Encoding', 'identity'],
  ])('says of a part that it is sent as it is: %s: %s', async (name, value) => {
    const plain = part('; name="file"; filename="a.wav"', 'x', `${name}: ${value}\r\n`);
    expect(await post(plain, end)).toMatchObject({ file: { base64: base64('x') } });
  });

  test('with a name or a header longer than anybody needs is read all the same', async () => {
    const long = 'a'.repeat(10_000);
    expect(await post(field(long, 'x'), end)).toMatchObject({ fields: [[long, ['x']]] });
    const header = part('; name="a"', 'x', `X: ${'x'.repeat(1e6)}\r\n`);
    expect(await post(header, file(), end)).toMatchObject({ fields: [['a', ['x']]], extraFiles: 0 });
  });

  test('that says a charset nobody knows is read or refused, and nothing breaks', async () => {
    const odd = part('; name="a"', 'x', 'Content-Type: text/plain; charset=nonsense\r\n');
    expect(await post(odd, file(), end)).not.toMatchObject({ code: 'UNEXPECTED' });
  });
});

describe('what is no readable form is refused as such, and leaves nothing', () => {
  const whole = Buffer.concat([field('a', '1'), file('x'.repeat(30_000)), end]);

  test.each([
    ['no content type', undefined],
    ['JSON', 'application/json'],
    ['an URL-encoded form', 'application/x-www-form-urlencoded'],
    ['a multipart of another kind', 'multipart/mixed; boundary=XX'],
    ['no boundary', 'multipart/form-data'],
    ['an empty boundary', 'multipart/form-data; boundary='],
    ['another boundary than announced', 'multipart/form-data; boundary=YY'],
  ])('%s', async (_what, contentType) => {
    const request = contentType === undefined ? { pieces: [whole] } : { contentType, pieces: [whole] };
    expect(await server.post(request)).toMatchObject({ code: 'INVALID_MULTIPART' });
  });

  test.each([
    ['an empty body', Buffer.alloc(0)],
    ['a body cut in the file', whole.subarray(0, 20_000)],
    ['a body cut in the header of the file', whole.subarray(0, 80)],
    ['a body without its last boundary', whole.subarray(0, -end.length)],
    ['a last boundary that is cut', whole.subarray(0, -4)],
    ['noise', Buffer.from('noise '.repeat(1000))],
    ['10,000 fields', Buffer.concat([...Array.from({ length: 10_000 }, () => field('a', '1')), end])],
    [
      'a file, then 10,000 fields',
      Buffer.concat([file(), ...Array.from({ length: 10_000 }, () => field('a', '1')), end]),
    ],
    ['10,000 files', Buffer.concat([...Array.from({ length: 10_000 }, () => file('x')), end])],
    ['a field of a megabyte', Buffer.concat([field('a', 'x'.repeat(1e6)), file(), end])],
    [
      'a broken field, then a file that goes on',
      Buffer.concat([part('', 'x'), file('x'.repeat(90_000)), end]),
    ],
    [
      'a long field, then a file that goes on',
      Buffer.concat([field('a', 'x'.repeat(70_000)), file('x'.repeat(90_000)), end]),
    ],
    ['many fields, too long together', Buffer.concat([...manyFields(), file(), end])],
    ['a second file without end', Buffer.concat([file(), file('x'.repeat(8_100_000)), end])],
    ['a preamble without end', Buffer.concat([Buffer.from('x'.repeat(8_100_000)), file(), end])],
    ['an epilogue without end', Buffer.concat([file(), end, Buffer.from('x'.repeat(8_100_000))])],
    [
      'a file in base64',
      Buffer.concat([
        part('; name="file"; filename="a.wav"', 'UklGRg==', 'Content-Transfer-Encoding: base64\r\n'),
        end,
      ]),
    ],
    ['a field in gzip', Buffer.concat([part('; name="a"', 'x', 'Content-Encoding: gzip\r\n'), file(), end])],
    ['a field without a name', Buffer.concat([part('', 'x'), file(), end])],
    ['a file without a name', Buffer.concat([part('; filename="a.wav"', 'x'), file(), end])],
  ])('%s', async (_what, body) => {
    expect(await post(body)).toMatchObject({
      code: 'INVALID_MULTIPART',
      message: expect.not.stringContaining('/'),
    });
  });
});

test('a file that is too large is refused as such, before its end has come', async () => {
  const beginning = Buffer.concat([file('x'.repeat(MAX_BYTES + 1)).subarray(0, -2)]);
  expect(
    await server.post({ contentType: TYPE, pieces: [beginning], contentLength: 10 * MAX_BYTES }),
  ).toMatchObject({
    code: 'FILE_TOO_LARGE',
  });
});

test('a file as large as allowed is taken', async () => {
  expect(await post(file('x'.repeat(MAX_BYTES)), end)).toMatchObject({ extraFiles: 0 });
});

test.each([
  ['in the file', file('x'.repeat(40_000)).subarray(0, 20_000)],
  ['after the file', Buffer.concat([file(), field('a', '1').subarray(0, 20)])],
  ['before the file', field('a', '1').subarray(0, 20)],
])('a client that hangs up %s leaves nothing', async (_where, beginning) => {
  await server.hangUp(TYPE, beginning);
  expect(await server.stored()).toEqual([]);
});
