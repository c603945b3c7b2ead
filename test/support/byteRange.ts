import fc from 'fast-check';

const position = fc.oneof(fc.nat({ max: 120 }), fc.constantFrom(999, 2 ** 31, 2 ** 53));

/** One range as a client can ask for it. */
export type ByteRange = { first: number; last: number } | { suffix: number };

/** Any range, for files of about a hundred bytes; in a larger one, `inUnitsOf` as many as that. */
export const anyByteRange = (inUnitsOf = 1): fc.Arbitrary<ByteRange> => {
  const at = position.map((n) => Math.min(n * inUnitsOf, 2 ** 53));
  return fc.oneof(
    fc.tuple(at, at).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) })),
    at.map((first) => ({ first, last: Infinity })),
    at.map((suffix) => ({ suffix })),
  );
};

/** The range as it stands in the header. */
export const writeRange = (range: ByteRange) =>
  'suffix' in range
    ? `-${String(range.suffix)}`
    : `${String(range.first)}-${range.last === Infinity ? '' : String(range.last)}`;

/** What RFC 9110 §14.1.2 makes of one range, by hand; undefined: it cannot be satisfied. */
export function sliceByHand(size: number, range: ByteRange): { start: number; end: number } | undefined {
  if ('suffix' in range) {
    const length = Math.min(range.suffix, size);
    return length === 0 ? undefined : { start: size - length, end: size - 1 };
  }
  return range.first < size ? { start: range.first, end: Math.min(range.last, size - 1) } : undefined;
}
