import fc from 'fast-check';
import { expect, test } from 'vitest';
import { downloadApp, ETAG } from '../support/downloadApp.ts';

const position = fc.oneof(fc.nat({ max: 120 }), fc.constantFrom(999, 2 ** 31, 2 ** 53));
const spec = fc.oneof(
  fc.tuple(position, position).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) })),
  position.map((first) => ({ first, last: Infinity })),
  position.map((suffix) => ({ suffix })),
);
type Spec = { first: number; last: number } | { suffix: number };

const write = (range: Spec) =>
  'suffix' in range
    ? `-${String(range.suffix)}`
    : `${String(range.first)}-${range.last === Infinity ? '' : String(range.last)}`;

/** What RFC 9110 §14.1.2 makes of one range, by hand; undefined: it cannot be satisfied. */
function slice(size: number, range: Spec): { start: number; end: number } | undefined {
  if ('suffix' in range) {
    const length = Math.min(range.suffix, size);
    return length === 0 ? undefined : { start: size - length, end: size - 1 };
  }
  return range.first < size ? { start: range.first, end: Math.min(range.last, size - 1) } : undefined;
}

test('one range of any file is what slicing it by hand gives', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 100 }),
      spec,
      fc.boolean(),
      async (bytes, range, hasCondition) => {
        const content = Buffer.from(bytes);
        const headers = {
          range: `bytes=${write(range)}`,
          ...(hasCondition ? { 'if-range': ETAG } : {}),
        };
        const response = await downloadApp(content).request('/', { headers });
        const body = Buffer.from(await response.arrayBuffer());
        const expected = slice(content.length, range);
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
    fc.array(spec, { maxLength: 4 }).map((ranges) => `bytes=${ranges.map(write).join(', ')}`),
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
