import { expect, test } from 'vitest';
import { AppError } from '../../src/errors.ts';

test('an error carries its code, its sentence, its details and its hints; the cause stays beside them', () => {
  const cause = new Error('/srv/data/inputs: no space');
  const error = new AppError('QUEUE_FULL', 'The queue is full.', {
    cause,
    details: { params: [{ name: 'file', message: 'x' }] },
    hints: { retryAfterSeconds: 3 },
  });
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ code: 'QUEUE_FULL', message: 'The queue is full.', cause });
  expect(error.details.params).toHaveLength(1);
  expect(error.hints.retryAfterSeconds).toBe(3);
});

test('an error without details or hints has empty ones', () => {
  expect(new AppError('INTERNAL', 'x')).toMatchObject({ details: {}, hints: {} });
});
