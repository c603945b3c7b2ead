/** Who a request is taken to be, by its key and by its address. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createAccess } from '../../../../src/http/middleware/access.ts';
import { createAuthenticator } from '../../../../src/http/middleware/auth.ts';
import { clientAddress } from '../../../../src/http/request/clientAddress.ts';
import { ManualClock } from '../../../support/manualClock.ts';

const KEY = 'key-of-ann-0123456789';
const apiKeys = [{ name: 'ann', sha256: createHash('sha256').update(KEY).digest('hex') }];

describe('a key', () => {
  const identify = createAuthenticator(apiKeys);
  const refusal = (header?: string) => {
    const identity = identify(header);
    return 'refusal' in identity
      ? [identity.refusal.message, identity.refusal.hints.challenge]
      : identity.owner;
  };
  const MISSING = ['This server requires an API key: send the header Authorization: Bearer KEY.', 'Bearer'];
  const UNKNOWN = ['This API key is unknown.', 'Bearer error="invalid_token"'];

  test.each([undefined, '', 'Bearer', 'Bearer ', `Basic ${KEY}`, KEY, `x Bearer ${KEY}`])(
    'is missing from "%s"',
    (header) => {
      expect(refusal(header)).toEqual(MISSING);
    },
  );

  test.each([`Bearer ${KEY}x`, 'Bearer x', `Bearer ${KEY}\n`.trimEnd() + ' x'])(
    'is not known in "%s"',
    (header) => {
      expect(refusal(header)).toEqual(UNKNOWN);
    },
  );

  test.each([`Bearer ${KEY}`, `bearer   ${KEY} `])('is known in "%s"', (header) => {
    expect(refusal(header)).toBe('ann');
  });
});

describe('the address of a client', () => {
  const PROXY = '192.0.2.1';
  test.each([
    ['[2001:db8::7]', '2001:db8:0:0::/64'],
    ['[2001:db8::7]:4711', '2001:db8:0:0::/64'],
    ['203.0.113.9:4711', '203.0.113.9'],
    ['203.0.113.9', '203.0.113.9'],
    ['x[2001:db8::7]', PROXY],
    ['[2001:db8::7]x', PROXY],
    ['x203.0.113.9:4711', PROXY],
    ['203.0.113.9:4711x', PROXY],
    ['', PROXY],
    ['unknown', PROXY],
    ['203.0.113.9,', PROXY],
  ])('that a proxy tells as "%s" is %s', (forwarded, address) => {
    expect(clientAddress(PROXY, forwarded)).toBe(address);
  });

  test.each([
    ['::ffff:203.0.113.19', '203.0.113.19'],
    ['::FFFF:203.0.113.19', '203.0.113.19'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['1::', '1:0:0:0::/64'],
    ['1:2::3', '1:2:0:0::/64'],
    ['1::4:5:6:7:8', '1:0:0:4::/64'],
    ['', ''],
  ])('on the other end of the connection, %s, counts as %s', (socket, address) => {
    expect(clientAddress(socket, undefined)).toBe(address);
  });
});

describe('whether a key is needed', () => {
  test.each([
    [null, false],
    [apiKeys, true],
    [[], true],
  ])('with the keys %j is %s', (keys, needsKey) => {
    const clock = new ManualClock();
    const access = createAccess({ apiKeys: keys, requestsPerHour: null, trustProxy: false, clock });
    expect(access.needsKey).toBe(needsKey);
  });
});

describe('what a connection that brought no request is told', () => {
  const headersOf = (requestsPerHour: number | null) =>
    createAccess({ apiKeys: null, requestsPerHour, trustProxy: false, clock: new ManualClock() }).rateHeaders(
      PEER,
    );
  const PEER = '192.0.2.7';

  test('is what its address has left, where there is a limit', () => {
    expect(headersOf(3)).toMatchObject({ 'X-RateLimit-Limit': '3', 'X-RateLimit-Remaining': '3' });
  });

  test('is nothing, where there is none', () => {
    expect(headersOf(null)).toEqual({});
  });
});
