import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startUploadServer, type UploadServer } from '../support/uploadServer.ts';

let server: UploadServer;
beforeAll(async () => {
  server = await startUploadServer();
});
afterAll(() => server.close());

const BOUNDARY = '----boundary7MA4YWxk';
const name = fc.constantFrom('model_type', 'instruments', 'use_tta', 'x', 'ä ö', '__proto__');
const value = fc.string({ unit: 'grapheme', maxLength: 300 });
// Bytes that look like the end of a part are what breaks parsers.
const content = fc.oneof(
  fc.uint8Array({ maxLength: 5_000 }).map((bytes) => Buffer.from(bytes)),
  fc
    .array(fc.constantFrom('\r\n', '--', BOUNDARY, `\r\n--${BOUNDARY}`.slice(0, -1), 'x', '\r', '\n', '\0'), {
      maxLength: 60,
    })
    // A body must not hold its own boundary: whoever sends it chooses another one then.
    .map((tokens) => Buffer.from(tokens.join('').replaceAll(`\r\n--${BOUNDARY}`, '')))
    .filter((bytes) => !`\r\n${bytes.toString()}`.includes(`\r\n--${BOUNDARY}`)),
  fc.integer({ min: 60_000, max: 300_000 }).map((length) => Buffer.alloc(length, 'abc')),
);

const cut = (body: Buffer, cuts: readonly number[]) => {
  const at = [0, ...cuts.map((each) => each % body.length).sort((a, b) => a - b), body.length];
  return at.slice(1).map((to, i) => body.subarray(at[i], to));
};

test('fields and file arrive as they were sent, however the bytes are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(name, value), { maxLength: 8 }),
      content,
      fc.nat({ max: 8 }),
      fc.array(fc.nat(), { maxLength: 40 }),
      fc.boolean(),
      async (fields, bytes, fileAt, cuts, isChunked) => {
        const parts = fields.map(([each, text]) =>
          Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="${each}"\r\n\r\n${text}\r\n`),
        );
        const file = Buffer.concat([
          Buffer.from(
            `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="s.wav"\r\n\r\n`,
          ),
          bytes,
          Buffer.from('\r\n'),
        ]);
        parts.splice(fileAt, 0, file);
        const body = Buffer.concat([...parts, Buffer.from(`--${BOUNDARY}--\r\n`)]);
        const answer = await server.post({
          contentType: `multipart/form-data; boundary=${BOUNDARY}`,
          pieces: cut(body, cuts),
          ...(isChunked ? { contentLength: 'chunked' as const } : {}),
        });
        const expected = new Map<string, readonly string[]>();
        for (const [each, text] of fields) expected.set(each, [...(expected.get(each) ?? []), text]);
        if (!('file' in answer)) throw new Error(JSON.stringify(answer));
        expect(new Map(answer.fields)).toEqual(expected);
        expect(answer.extraFiles).toBe(0);
        expect(answer.file?.base64).toBe(bytes.toString('base64'));
      },
    ),
    { numRuns: 60 },
  );
  expect(await server.stored()).toEqual([]);
});

test('a body that is cut short anywhere is refused in words, and leaves nothing', async () => {
  const body = Buffer.from(
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="x"\r\n\r\nvalue\r\n` +
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="s.wav"\r\n\r\n${'audio'.repeat(40)}\r\n` +
      `--${BOUNDARY}--`,
  );
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: body.length - 1 }), async (length) => {
      const answer = await server.post({
        contentType: `multipart/form-data; boundary=${BOUNDARY}`,
        pieces: [body.subarray(0, length)],
      });
      expect(answer).toMatchObject({ code: 'INVALID_MULTIPART' });
      expect(await server.stored()).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

test('any bytes at all get an answer, and never an unexpected one', async () => {
  const token = fc.constantFrom(
    `--${BOUNDARY}`,
    `\r\n--${BOUNDARY}`,
    '--',
    '\r\n',
    '\r\n\r\n',
    'Content-Disposition: form-data',
    '; name="file"',
    '; name=',
    '; filename="a"',
    "; filename*=UTF-8''%FF%",
    ': ',
    '"',
    '\0',
    'text',
  );
  await fc.assert(
    fc.asyncProperty(fc.array(token, { maxLength: 30 }), async (tokens) => {
      const answer = await server.post({
        contentType: `multipart/form-data; boundary=${BOUNDARY}`,
        pieces: [Buffer.from(tokens.join(''))],
      });
      if ('code' in answer) expect(answer.code).toBe('INVALID_MULTIPART');
      expect(await server.stored()).toEqual([]);
    }),
    { numRuns: 80 },
  );
});
