import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { refuseMisplaced } from '../../../../src/http/upload/submissionHead.ts';
import { refusalOf } from '../../../support/refused.ts';

const FIELDS = ['file', 'instruments'];
const refusal = (url: string | undefined, headers: Record<string, string> = {}) =>
  refusalOf(() => {
    refuseMisplaced({ url, headers } as unknown as IncomingMessage, FIELDS);
  });

describe('the query string of a submission', () => {
  test.each([undefined, '/separate', '/separate?', '/a%3Fb'])('of %s holds nothing, and is taken', (url) => {
    expect(refusal(url)).toBeUndefined();
  });

  test('is refused with every name in it, once each', () => {
    const says = (name: string) =>
      `"${name}" is in the query string, where options are not accepted: send them as form fields.`;
    const error = refusal('/separate?instruments=drums&instruments=bass&Instrument=x&q?=1');
    expect(error?.code).toBe('INVALID_PARAMETERS');
    const allowed = 'fields of the form: file, instruments';
    expect(error?.details.params).toEqual([
      { name: 'instruments', message: says('instruments'), allowed },
      {
        name: 'Instrument',
        message: `${says('Instrument')} Did you mean "instruments"?`,
        allowed,
        did_you_mean: 'instruments',
      },
      { name: 'q?', message: says('q?'), allowed },
    ]);
    expect(error?.message).toBe(error?.details.params?.map(({ message }) => message).join(' '));
  });

  test('is what follows the first question mark, also where nothing stands before it', () => {
    expect(refusal('?file=1')?.details.params?.map(({ name }) => name)).toEqual(['file']);
  });

  test('is told by 20 names at most, of 80 characters at most', () => {
    const names = Array.from({ length: 30 }, (_, n) => `${String(n)}${'q'.repeat(100)}`);
    const params = refusal(`/separate?${names.join('&')}`)?.details.params ?? [];
    expect(params.map(({ name }) => name)).toEqual(names.slice(0, 20).map((name) => name.slice(0, 80)));
  });
});

describe('an encoded body', () => {
  test.each([
    { 'content-encoding': 'identity' },
    { 'content-encoding': ' Identity ' },
    { 'transfer-encoding': 'chunked' },
    { 'transfer-encoding': 'Chunked ' },
    { 'content-encoding': '' },
  ])('is what %j is not', (headers) => {
    expect(refusal('/separate', headers as Record<string, string>)).toBeUndefined();
  });

  test.each([
    ['Content-Encoding', 'gzip', 'identity'],
    ['Content-Encoding', 'chunked', 'identity'],
    ['Transfer-Encoding', 'gzip, chunked', 'chunked'],
    ['Transfer-Encoding', 'identity', 'chunked'],
  ])('is refused: %s: %s', (name, received, allowed) => {
    const message = `The body is encoded (${name}: ${received}): send the form as it is, without ${name}.`;
    expect(refusal('/separate', { [name.toLowerCase()]: received })).toMatchObject({
      code: 'INVALID_PARAMETERS',
      message,
      details: { params: [{ name, message, received, allowed: `${allowed}, or no such header` }] },
    });
  });

  test('is shown to 80 characters', () => {
    const [problem] = refusal('/', { 'content-encoding': 'x'.repeat(81) })?.details.params ?? [];
    expect(problem?.received).toBe('x'.repeat(80));
  });

  test('is told beside the query string', () => {
    const params = refusal('/?file=1', { 'content-encoding': 'gzip', 'transfer-encoding': 'br' })?.details
      .params;
    expect(params?.map(({ name }) => name)).toEqual(['Content-Encoding', 'Transfer-Encoding', 'file']);
  });
});
