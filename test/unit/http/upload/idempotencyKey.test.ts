import { expect, test } from 'vitest';
import { readIdempotencyKey } from '../../../../src/http/upload/idempotencyKey.ts';
import { refusalOf } from '../../../support/refused.ts';

const read = (key?: string) => readIdempotencyKey(key === undefined ? {} : { 'idempotency-key': key });

test('a submission without a key has none', () => {
  expect(read()).toBeUndefined();
});

test.each(['!', '~', 'k'.repeat(255), '5a8f-"quoted"'])('%s is a key as it stands', (key) => {
  expect(read(key)).toBe(key);
});

test.each(['', ' ', 'two words', 'one, two', ' padded', 'padded ', 'ü', '\u007F', 'k'.repeat(256)])(
  '"%s" is no key',
  (key) => {
    const allowed = '1 to 255 visible ASCII characters, without blanks';
    const message = `The header Idempotency-Key must have ${allowed}.`;
    expect(refusalOf(() => read(key))).toMatchObject({
      code: 'INVALID_PARAMETERS',
      message,
      details: { params: [{ name: 'Idempotency-Key', message, received: key.slice(0, 255), allowed }] },
    });
  },
);
