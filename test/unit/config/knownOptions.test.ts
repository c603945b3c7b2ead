import { describe, expect, test } from 'vitest';
import { describeUnknownOptions, parseOptions } from '../../../src/config/knownOptions.ts';

const option = (name: string, rest: object = {}) => ({
  names: [name],
  least: 1,
  most: 1,
  type: 'text',
  choices: null,
  ...rest,
});
const OPTIONS = [
  option('store_dir'),
  option('output', { names: ['output', 'store-dir'] }),
  option('unnameable', { names: [] }),
  option('my_option', { names: ['my_option', 'my-option'], type: 'float' }),
  option('draw_spectro', { type: 'float' }),
  option('mode', { choices: ['best', 'quick'] }),
  option('on', { least: 0, most: 0 }),
  option('seed', { least: 0, type: 'int' }),
  option('count', { type: 'int' }),
  option('pair', { least: 2, most: 2, type: 'int' }),
  option('all', { most: null }),
  option('any', { least: 0, most: null }),
  option('odd', { type: null }),
];

const problems = (msst_arguments: unknown, options: object[] | null = OPTIONS) =>
  describeUnknownOptions(
    { models: [{ name: 'a' }, { name: 'b', msst_arguments }] },
    options === null ? null : parseOptions(JSON.stringify(options)),
  );

test.each([
  { my_option: 0.5, 'my-option': 1, mode: 'best', on: true, seed: true, count: 3 },
  { on: false, seed: 7, pair: [1, 2], all: ['a', 1], any: [], odd: 'whatever' },
  { my_option: '1_0.5', seed: '+1_000', all: 'a', any: true, draw_spectro: '-inf' },
  { count: ['4'], mode: ['quick'], pair: false, my_option: 'nan' },
])('what the parser takes is no problem: %j', (given) => {
  expect(problems(given)).toEqual([]);
});

describe('an option that the MSST has not', () => {
  test.each([
    ['my_optoin', 'no option of this MSST, did you mean my_option?'],
    [
      'nonesuch',
      'no option of this MSST, allowed: my_option, draw_spectro, mode, on, seed, count, pair, all, any, odd',
    ],
    [
      'output',
      'no option of this MSST, allowed: my_option, draw_spectro, mode, on, seed, count, pair, all, any, odd',
    ],
  ])('is told with the nearest, or with all there are: %s', (name, words) => {
    expect(problems({ [name]: 1, on: true })).toEqual([`models.1.msst_arguments.${name}: ${words}`]);
  });

  test('is told a list that ends', () => {
    const many = Array.from({ length: 60 }, (_, index) => option(`of_many_${String(index)}`));
    expect(problems({ x: 1 }, many)).toEqual([expect.stringMatching(/of_many_39 and 20 more$/)]);
    expect(problems({ x: 1 }, many.slice(0, 40))).toEqual([expect.stringMatching(/of_many_39$/)]);
  });

  test('is told where there is none to have', () => {
    expect(problems({ x: 1 }, [option('use_tta')])).toEqual([
      'models.1.msst_arguments.x: no option of this MSST, allowed: none, because the server sets all of its options itself',
    ]);
  });
});

test.each([
  ['on', 1, 'true or false'],
  ['on', [], null],
  ['mode', 'fast', 'one of best, quick'],
  ['mode', true, 'one of best, quick'],
  ['count', 0.5, 'a whole number'],
  ['count', 'three', 'a whole number'],
  ['count', [1, 2], 'a whole number'],
  ['my_option', 'half', 'a number'],
  ['my_option', '', 'a number'],
  ['odd', true, 'a value'],
  ['seed', 'x', 'true, or a whole number'],
  ['pair', [1], 'a list of 2 values, each a whole number'],
  ['pair', 1, 'a list of 2 values, each a whole number'],
  ['all', true, 'a list of values'],
])('of %s, %j is told with what is allowed', (name, value, words) => {
  expect(problems({ [name]: value })).toEqual(
    words === null
      ? []
      : [`models.1.msst_arguments.${name}: ${JSON.stringify(value)} is not valid, allowed: ${words}`],
  );
});

test('where no parser could be read, nothing is a problem', () => {
  expect(problems({ nonesuch: 1 }, null)).toEqual([]);
});

test.each([undefined, null, 3, 'text', [], { '1x': 1 }, { use_tta: true }, { x: null }])(
  'what the configuration itself refuses is not told twice: %j',
  (given) => {
    expect(problems(given)).toEqual([]);
    expect(describeUnknownOptions({ models: given }, [])).toEqual([]);
    expect(describeUnknownOptions({ models: [given] }, [])).toEqual([]);
  },
);

test.each([undefined, '', '{', '{}', '[{"names":["a"]}]'])(
  'what is not the answer of the set-up is none: %s',
  (json) => {
    expect(parseOptions(json)).toBeNull();
  },
);
