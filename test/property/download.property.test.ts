import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyByteRange, sliceByHand, writeRange } from '../support/byteRange.ts';
import { downloadApp, ETAG } from '../support/downloadApp.ts';

test('one range of any file is what slicing it by hand gives', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 100 }),
      anyByteRange(),
      fc.boolean(),
      async (bytes, range, hasCondition) => {
        const content = Buffer.from(bytes);
        const headers = {
          range: `bytes=${writeRange(range)}`,
          ...(hasCondition ? { 'if-range': ETAG } : {}),
        };
        const response = await downloadApp(content).request('/', { headers });
        const body = Buffer.from(await response.arrayBuffer());
        const expected = sliceByHand(content.length, range);
        if (!expected) {
          expect(response.status).toBe(416);
          expect(response.headers.get('content-range')).toBe(`bytes */${String(content.length)}`);
          return;
        }
        const { start, end } = expected;
        expect(response.status).toBe(206);
        expect(response.headers.get('content-range')).toBe(
          `bytes ${String(start)}-${String(end)}/${String(content.length)}`,
        );
        expect(response.headers.get('content-length')).toBe(String(end - start + 1));
        expect(body.equals(content.subarray(start, end + 1))).toBe(true);
      },
    ),
    { numRuns: 200 },
  );
});

test('any Range header gets the whole file, a part of it that is named, or a refusal; never anything else', async () => {
  const content = Buffer.from(Array.from({ length: 100 }, (_, i) => i));
  const header = fc.oneof(
    fc.array(anyByteRange(), { maxLength: 4 }).map((ranges) => `bytes=${ranges.map(writeRange).join(', ')}`),
    fc
      .string({ unit: fc.constantFrom('b', '=', '-', ',', ' ', '0', '9', '5', 'e', '.', '+'), maxLength: 12 })
      .map((text) => `bytes=${text}`),
    fc.stringMatching(/^[ -~]{0,20}$/),
  );
  await fc.assert(
    fc.asyncProperty(header, fc.constantFrom('GET', 'HEAD'), async (range, method) => {
      const response = await downloadApp(content).request('/', { headers: { range }, method });
      const body = Buffer.from(await response.arrayBuffer());
      expect([200, 206, 416]).toContain(response.status);
      if (method === 'HEAD') {
        expect(body).toHaveLength(0);
        return;
      }
      if (response.status === 200) expect(body.equals(content)).toBe(true);
      if (response.status === 206) {
        const [, start, end] =
          /^bytes (\d+)-(\d+)\/100$/.exec(response.headers.get('content-range') ?? '') ?? [];
        expect(body.equals(content.subarray(Number(start), Number(end) + 1))).toBe(true);
        expect(body.length).toBe(Number(response.headers.get('content-length')));
      }
    }),
    { numRuns: 300 },
  );
});
