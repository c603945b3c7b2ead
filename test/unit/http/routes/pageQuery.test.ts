import { describe, expect, test } from 'vitest';
import { readPageQuery } from '../../../../src/http/routes/pageQuery.ts';
import { refusalOf } from '../../../support/refused.ts';

/** Cursors are numbers here, and nothing else is one. */
const readCursor = (cursor: string) => (/^\d+$/.test(cursor) ? Number(cursor) : undefined);
const read = (query: Record<string, string[]>) => readPageQuery(query, readCursor);
const STATUSES = 'pending, processing, completed, failed, cancelled';
const NAMES = 'status, limit, cursor';

describe('a page of tasks', () => {
  test.each([
    [{}, { status: undefined, limit: 50, before: undefined }],
    [
      { status: [''], limit: [''], cursor: [''] },
      { status: undefined, limit: 50, before: undefined },
    ],
    [
      { status: ['failed'], limit: ['20'], cursor: ['7'] },
      { status: 'failed', limit: 20, before: 7 },
    ],
    [{ limit: ['1'] }, { status: undefined, limit: 1, before: undefined }],
    [{ limit: ['200'] }, { status: undefined, limit: 200, before: undefined }],
    [{ limit: ['000000000000020'] }, { status: undefined, limit: 20, before: undefined }],
  ])('of %j is %j', (query, page) => {
    expect(read(query)).toEqual(page);
  });

  test.each([
    ['status', 'done', STATUSES],
    ['status', 'Failed', STATUSES],
    ['limit', '0', '1 to 200'],
    ['limit', '201', '1 to 200'],
    ['limit', '-1', '1 to 200'],
    ['limit', '2.5', '1 to 200'],
    ['limit', '1e2', '1 to 200'],
    ['limit', ' 7', '1 to 200'],
    ['limit', '7 ', '1 to 200'],
    ['limit', '0000000000000020', '1 to 200'],
    ['cursor', 'x', 'the next_cursor of a page'],
  ])('is refused where %s is "%s"', (name, received, allowed) => {
    const message = `${name} is "${received}"; allowed: ${allowed}.`;
    expect(refusalOf(() => read({ [name]: [received] }))).toMatchObject({
      code: 'INVALID_PARAMETERS',
      message,
      details: { params: [{ name, message, received, allowed }] },
    });
  });

  test('is refused where a parameter is given twice, also with the same value', () => {
    expect(refusalOf(() => read({ limit: ['20', '20'] }))?.details.params).toEqual([
      {
        name: 'limit',
        message: 'limit is "20, 20"; allowed: 1 to 200.',
        received: '20, 20',
        allowed: '1 to 200',
      },
    ]);
  });

  test('shows at most 80 characters of what it refuses', () => {
    const [problem] = refusalOf(() => read({ status: ['x'.repeat(81)] }))?.details.params ?? [];
    expect(problem?.received).toBe('x'.repeat(80));
  });
});

describe('a parameter that no page has', () => {
  test('is named, with what was meant', () => {
    expect(refusalOf(() => read({ limits: ['1'] }))?.details.params).toEqual([
      {
        name: 'limits',
        message: 'There is no parameter "limits". Did you mean "limit"?',
        allowed: NAMES,
        did_you_mean: 'limit',
      },
    ]);
  });

  test('is named with all there are, where nothing is near', () => {
    expect(refusalOf(() => read({ page: ['1'] }))?.details.params).toEqual([
      { name: 'page', message: `There is no parameter "page"; allowed: ${NAMES}.`, allowed: NAMES },
    ]);
  });

  test('is told beside every other problem, in one sentence after the other', () => {
    const refusal = refusalOf(() => read({ page: ['1'], limit: ['0'] }));
    expect(refusal?.details.params?.map(({ name }) => name)).toEqual(['page', 'limit']);
    expect(refusal?.message).toBe(
      `There is no parameter "page"; allowed: ${NAMES}. limit is "0"; allowed: 1 to 200.`,
    );
  });

  test('is cut to 80 characters, and of many only 20 are told', () => {
    const query = Object.fromEntries(
      Array.from({ length: 30 }, (_, n) => [`${String(n)}${'q'.repeat(100)}`, ['']]),
    );
    const params = refusalOf(() => read(query))?.details.params ?? [];
    expect(params).toHaveLength(20);
    expect(params[0]?.name).toBe(`0${'q'.repeat(79)}`);
    expect(params[0]?.message).toContain(`"0${'q'.repeat(79)}"`);
  });
});
