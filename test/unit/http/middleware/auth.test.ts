import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createAuthenticator } from '../../../../src/http/middleware/auth.ts';

const sha256 = (key: string) => createHash('sha256').update(key).digest('hex');
const identify = createAuthenticator([
  { name: 'ann', sha256: sha256('key-of-ann-0123456789') },
  { name: null, sha256: sha256('key-of-nobody-0123456789') },
]);

/** The owner, or the challenge of the refusal. */
function outcome(header: string | undefined): string | undefined {
  const identity = identify(header);
  if ('owner' in identity) return identity.owner;
  expect(identity.refusal.code).toBe('UNAUTHORIZED');
  return identity.refusal.hints.challenge;
}

test.each(['Bearer', 'bearer', 'BEARER'])('a known key tells its owner, with the scheme %s', (scheme) => {
  expect(outcome(`${scheme} key-of-ann-0123456789`)).toBe('ann');
  expect(outcome(`${scheme}   key-of-ann-0123456789 `)).toBe('ann');
});

test('a key without a name owns by the beginning of its hash', () => {
  const key = 'key-of-nobody-0123456789';
  expect(outcome(`Bearer ${key}`)).toBe(`key-${sha256(key).slice(0, 12)}`);
});

test.each([undefined, '', 'Bearer', 'Bearer  ', 'Basic a2V5OmtleQ==', 'key-of-ann-0123456789', 'Bearerkey'])(
  'without a key (%j), one is asked for',
  (header) => {
    expect(outcome(header)).toBe('Bearer');
  },
);

test.each([
  'key-of-ann-012345678',
  'key-of-ann-01234567890',
  'KEY-OF-ANN-0123456789',
  'key-of-ann-0123456789 x',
  // The hash is in the configuration, which more people may read than may use the server.
  sha256('key-of-ann-0123456789'),
  'ann',
])('the wrong key %s is told to be wrong', (key) => {
  expect(outcome(`Bearer ${key}`)).toBe('Bearer error="invalid_token"');
});

test('of any set of keys, each is known as its own and every other text as nobody', () => {
  const keys = fc.uniqueArray(fc.stringMatching(/^[\x21-\x7e]{16,40}$/), { minLength: 2, maxLength: 8 });
  fc.assert(
    fc.property(keys, ([stranger = '', ...known]) => {
      const authenticate = createAuthenticator(
        known.map((key, place) => ({ name: String(place), sha256: sha256(key) })),
      );
      for (const [place, key] of known.entries())
        expect(authenticate(`Bearer ${key}`)).toEqual({ owner: String(place) });
      expect(authenticate(`Bearer ${stranger}`)).toHaveProperty('refusal.code', 'UNAUTHORIZED');
    }),
  );
});
