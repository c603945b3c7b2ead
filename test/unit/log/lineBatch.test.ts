import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { LineBatch } from '../../../src/log/lineBatch.ts';

test('the lines of one turn of the event loop are handed on together, in order, and none twice', async () => {
  const written: string[] = [];
  const batch = new LineBatch({ write: (text) => written.push(text) });
  batch.write('one\n');
  batch.write('two\n');
  expect(written).toEqual([]);
  await turn();
  batch.write('three\n');
  await turn();
  await turn();
  expect(written).toEqual(['one\ntwo\n', 'three\n']);
});

test('what is left can be handed on at once', () => {
  const written: string[] = [];
  const batch = new LineBatch({ write: (text) => written.push(text) });
  batch.write('last words\n');
  batch.flush();
  batch.flush();
  expect(written).toEqual(['last words\n']);
});
