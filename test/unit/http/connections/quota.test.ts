import { expect, test } from 'vitest';
import { Quota } from '../../../../src/http/connections/quota.ts';

const takes = (quota: Quota, address: string, count: number) =>
  Array.from({ length: count }, () => quota.take(address));

test('an address has its own bound, and all have one together', () => {
  const quota = new Quota({ ofOneAddress: 2, ofAll: 3 });
  expect(takes(quota, 'a', 3)).toEqual([true, true, false]);
  expect(takes(quota, 'b', 2)).toEqual([true, false]);
});

test('what was refused counts for nothing', () => {
  const quota = new Quota({ ofOneAddress: 1, ofAll: 2 });
  takes(quota, 'a', 5);
  expect(quota.take('b')).toBe(true);
});

test('what is given back can be taken again, by whomever', () => {
  const quota = new Quota({ ofOneAddress: 2, ofAll: 2 });
  takes(quota, 'a', 2);
  quota.giveBack('a');
  expect(takes(quota, 'b', 2)).toEqual([true, false]);
  quota.giveBack('b');
  expect(takes(quota, 'a', 2)).toEqual([true, false]);
});

test('several are given back at once', () => {
  const quota = new Quota({ ofOneAddress: 3, ofAll: 3 });
  takes(quota, 'a', 3);
  quota.giveBack('a', 2);
  expect(takes(quota, 'a', 3)).toEqual([true, true, false]);
  quota.giveBack('a', 3);
  expect(takes(quota, 'a', 4)).toEqual([true, true, true, false]);
});

test('an address that gives one back holds the others still', () => {
  const quota = new Quota({ ofOneAddress: 3, ofAll: 10 });
  takes(quota, 'a', 3);
  quota.giveBack('a');
  expect(takes(quota, 'a', 2)).toEqual([true, false]);
});
