/** The sentences about a form that cannot be taken, and its exact bounds. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startUploadServer, type UploadServer } from '../../../support/uploadServer.ts';

const contentType = 'multipart/form-data; boundary=b';
const field = (name: string, value: string) =>
  `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
const FILE = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\r\n';
const END = '--b--\r\n';

let server: UploadServer;
beforeAll(async () => {
  server = await startUploadServer();
});
afterAll(() => server.close());
const post = (body: string, type: string | undefined = contentType) =>
  server.post({ ...(type === '' ? {} : { contentType: type }), pieces: [Buffer.from(body)] });
const refused = (message: string) => ({ code: 'INVALID_MULTIPART', message });

describe('a form', () => {
  test.each<[string, string, string]>([
    [
      'a part without a name',
      '--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n',
      'A part of the form has no name.',
    ],
    [
      'a field of more than 64 KiB',
      field('model_type', 'x'.repeat(65_537)),
      'A form field is too long: at most 65536 bytes are allowed.',
    ],
    [
      'fields of more than 64 KiB together',
      field('a', 'x'.repeat(40_000)) + field('b', 'x'.repeat(40_000)),
      'The fields of the form are too long: at most 65536 bytes are allowed for all of them.',
    ],
    [
      '301 fields',
      Array.from({ length: 301 }, (_, n) => field(String(n), '')).join(''),
      'The form has too many fields: at most 300 are allowed.',
    ],
    [
      '311 parts',
      Array.from({ length: 311 }, () => FILE).join(''),
      'The form has too many parts: at most 310 are allowed.',
    ],
  ])('with %s is refused, and no file of it is kept', async (_, parts, message) => {
    expect(await post(FILE + parts + END)).toEqual(refused(message));
    expect(await server.stored()).toEqual([]);
  });

  test('that breaks off is refused', async () => {
    expect(await post(FILE)).toEqual(refused('The multipart body is broken or ends early.'));
  });

  test.each([
    '',
    'application/json',
    'x-multipart/form-data; boundary=b',
    'multipart/form-datax; boundary=b',
    'multipart/form-data',
  ])('of the type "%s" is none', async (type) => {
    expect(await post(FILE + END, type)).toEqual(
      refused('The body must be multipart/form-data with a boundary and the audio as the part `file`.'),
    );
  });

  test('may have fields of 64 KiB together, with their names', async () => {
    const value = 'x'.repeat(32_767);
    const answer = await post(FILE + field('a', value) + field('b', value) + END);
    expect(answer).toMatchObject({
      fields: [
        ['a', [value]],
        ['b', [value]],
      ],
    });
    const more = await post(FILE + field('a', value) + field('b', `${value}x`) + END);
    expect(more).toMatchObject({ code: 'INVALID_MULTIPART' });
  });

  test('counts a second file, and forgets it, without making a field of it', async () => {
    expect(await post(FILE + FILE + END)).toMatchObject({
      fields: [],
      extraFiles: 1,
      file: { filename: 'a.wav' },
    });
  });
});
