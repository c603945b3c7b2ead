import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clientAddress } from '../../../../src/http/request/clientAddress.ts';

describe('without a trusted proxy', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:192.0.2.7', '192.0.2.7'],
    // A network of its own, which only ends like such an address.
    ['2001:db8::ffff:192.0.2.7', '2001:db8:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:0DB8:0:0:1::', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['', ''],
  ])('the connection from %j counts for %j', (socketAddress, counted) => {
    expect(clientAddress(socketAddress, undefined)).toBe(counted);
  });
});

describe('behind a trusted proxy', () => {
  test.each([
    ['203.0.113.9', '203.0.113.9'],
    ['1.1.1.1, 203.0.113.9', '203.0.113.9'],
    ['1.1.1.1,2.2.2.2 , 203.0.113.9:5555', '203.0.113.9'],
    ['[2001:db8:1:2::9]:443', '2001:db8:1:2::/64'],
    ['[2001:db8:1:2::9]', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
  ])('what the proxy added last counts: %j for %j', (header, counted) => {
    expect(clientAddress('10.0.0.1', header)).toBe(counted);
  });

  test.each([
    '',
    'unknown',
    '203.0.113.9, ',
    '203.0.113.9, _hidden',
    '999.1.1.1',
    '203.0.113.9:',
    '::ffff:203.0.113.9:5555',
    '2[001:db8:1:2::9]',
    '[2001:db8:1:2::]9',
  ])('a header without an address there (%j) leaves the connection', (header) => {
    expect(clientAddress('10.0.0.1', header)).toBe('10.0.0.1');
  });

  test('whatever a client puts before it changes nothing', () => {
    fc.assert(
      fc.property(fc.string(), (forged) => {
        expect(clientAddress('10.0.0.1', `${forged}, 203.0.113.9`)).toBe('203.0.113.9');
      }),
    );
  });

  test('any text and any IPv6 address is read without an error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.ipV6()), (header) => {
        expect(clientAddress('10.0.0.1', header)).toMatch(/^(\d+(\.\d+){3}|[\da-f]+(:[\da-f]+){3}::\/64)$/);
      }),
    );
  });
});
