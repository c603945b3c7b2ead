import { expect, test } from 'vitest';
import { closest } from '../../src/didYouMean.ts';

test.each([
  ['statrer', ['starter', 'mdx23c'], 'starter'],
  ['VOCALS', ['vocals', 'other'], 'vocals'],
  ['drum', ['drums', 'bass'], 'drums'],
  ['roformer', ['bs_roformer_large_model', 'mdx23c'], 'bs_roformer_large_model'],
  ['entirely different', ['drums', 'bass'], null],
  ['', ['a'], null],
  ['x'.repeat(100_000), ['x'], null],
])('%.20s of %j means %j', (word, candidates, meant) => {
  expect(closest(word, candidates)).toBe(meant);
});

test('a word that several contain is no hint', () => {
  expect(closest('model', ['my_first_model_large', 'my_second_model_large'])).toBeNull();
});
