import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startUploadServer, type UploadServer } from '../../../support/uploadServer.ts';

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

const NO_FORM = 'The body must be multipart/form-data with a boundary and the audio as the part `file`.';
const BROKEN = 'The multipart body is broken or ends early.';
const TOO_MANY_FIELDS = 'The form has too many fields: at most 300 are allowed.';
const TOO_MANY_PARTS = 'The form has too many parts: at most 310 are allowed.';
const LONG_FIELD = 'A form field is too long: at most 65536 bytes are allowed.';
const LONG_FIELDS = 'The fields of the form are too long: at most 65536 bytes are allowed for all of them.';
const TOO_LARGE = 'The form is too large: apart from the file, at most 8000000 bytes are allowed.';
const UNNAMED = 'A part of the form has no name.';
const ENCODED = (how: string) => `A part of the form is encoded (${how}): send its bytes as they are.`;

describe('what is no readable form is refused as such, and leaves nothing', () => {
  const whole = Buffer.concat([field('a', '1'), file('x'.repeat(30_000)), end]);

  test.each([
    ['no content type', undefined, NO_FORM],
    ['JSON', 'application/json', NO_FORM],
    ['an URL-encoded form', 'application/x-www-form-urlencoded', NO_FORM],
    ['a multipart of another kind', 'multipart/mixed; boundary=XX', NO_FORM],
    ['no boundary', 'multipart/form-data', NO_FORM],
    ['an empty boundary', 'multipart/form-data; boundary=', BROKEN],
    ['another boundary than announced', 'multipart/form-data; boundary=YY', BROKEN],
  ])('%s', async (_what, contentType, message) => {
    const request = contentType === undefined ? { pieces: [whole] } : { contentType, pieces: [whole] };
    expect(await server.post(request)).toEqual({ code: 'INVALID_MULTIPART', message });
  });

  test.each([
    ['an empty body', BROKEN, Buffer.alloc(0)],
    ['a body cut in the file', BROKEN, whole.subarray(0, 20_000)],
    ['a body cut in the header of the file', BROKEN, whole.subarray(0, 80)],
    ['a body without its last boundary', BROKEN, whole.subarray(0, -end.length)],
    ['a last boundary that is cut', BROKEN, whole.subarray(0, -4)],
    ['noise', BROKEN, Buffer.from('noise '.repeat(1000))],
    [
      '10,000 fields',
      TOO_MANY_FIELDS,
      Buffer.concat([...Array.from({ length: 10_000 }, () => field('a', '1')), end]),
    ],
    [
      'a file, then 10,000 fields',
      TOO_MANY_FIELDS,
      Buffer.concat([file(), ...Array.from({ length: 10_000 }, () => field('a', '1')), end]),
    ],
    [
      '10,000 files',
      TOO_MANY_PARTS,
      Buffer.concat([...Array.from({ length: 10_000 }, () => file('x')), end]),
    ],
    ['a field of a megabyte', LONG_FIELD, Buffer.concat([field('a', 'x'.repeat(1e6)), file(), end])],
    [
      'a broken field, then a file that goes on',
      UNNAMED,
      Buffer.concat([part('', 'x'), file('x'.repeat(90_000)), end]),
    ],
    [
      'a long field, then a file that goes on',
      LONG_FIELD,
      Buffer.concat([field('a', 'x'.repeat(70_000)), file('x'.repeat(90_000)), end]),
    ],
    ['many fields, too long together', LONG_FIELDS, Buffer.concat([...manyFields(), file(), end])],
    ['a second file without end', TOO_LARGE, Buffer.concat([file(), file('x'.repeat(8_100_000)), end])],
    ['a preamble without end', TOO_LARGE, Buffer.concat([Buffer.from('x'.repeat(8_100_000)), file(), end])],
    ['an epilogue without end', TOO_LARGE, Buffer.concat([file(), end, Buffer.from('x'.repeat(8_100_000))])],
    [
      'a file in base64',
      ENCODED('Content-Transfer-Encoding: base64'),
      Buffer.concat([
        part('; name="file"; filename="a.wav"', 'UklGRg==', 'Content-Transfer-Encoding: base64\r\n'),
        end,
      ]),
    ],
    [
      'a field in gzip',
      ENCODED('Content-Encoding: gzip'),
      Buffer.concat([part('; name="a"', 'x', 'Content-Encoding: gzip\r\n'), file(), end]),
    ],
    ['a field without a name', UNNAMED, Buffer.concat([part('', 'x'), file(), end])],
    ['a file without a name', UNNAMED, Buffer.concat([part('; filename="a.wav"', 'x'), file(), end])],
  ])('%s', async (_what, message, body) => {
    expect(await post(body)).toEqual({ code: 'INVALID_MULTIPART', message });
  });
});

describe('a form goes up to its bounds', () => {
  test('in the number of its fields', async () => {
    const fields = (count: number) => Array.from({ length: count }, (_, n) => field(`a${String(n)}`, ''));
    expect(await post(...fields(300), file(), end)).toMatchObject({ extraFiles: 0 });
    expect(await post(...fields(301), file(), end)).toMatchObject({ message: TOO_MANY_FIELDS });
  });

  test('in the number of its parts', async () => {
    const others = (count: number) => Array.from({ length: count }, () => file('x'));
    expect(await post(...others(310), end)).toMatchObject({ extraFiles: 309 });
    expect(await post(...others(311), end)).toMatchObject({ message: TOO_MANY_PARTS });
  });

  test('in the bytes of all its fields, names among them', async () => {
    // A letter of two bytes, so that nobody counts letters.
    const fields = [field('ü'.repeat(5_000), 'ü'.repeat(10_000)), field('a', 'x'.repeat(35_535))];
    expect(await post(...fields, file(), end)).toMatchObject({ extraFiles: 0 });
    expect(await post(...fields, field('b', ''), file(), end)).toMatchObject({ message: LONG_FIELDS });
  });

  test('in the length of one field', async () => {
    expect(await post(field('', 'x'.repeat(65_535)), file(), end)).toMatchObject({ extraFiles: 0 });
    expect(await post(field('', 'x'.repeat(65_537)), file(), end)).toMatchObject({ message: LONG_FIELD });
  });

  test('in what comes beside its file, which does not count', async () => {
    const large = await startUploadServer(10_000_000);
    onTestFinished(() => large.close());
    const form = (beside: number) => [file('x'.repeat(9_000_000)), file('x'.repeat(beside)), end];
    const read = (beside: number) => large.post({ contentType: TYPE, pieces: form(beside) });
    expect(await read(7_990_000)).toMatchObject({ extraFiles: 1 });
    expect(await read(8_000_000)).toMatchObject({ message: TOO_LARGE });
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
