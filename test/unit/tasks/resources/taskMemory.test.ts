import { expect, test } from 'vitest';
import {
  longestSeconds,
  pieceSeconds,
  scratchBytes,
  taskBytes,
  wholeBytes,
} from '../../../../src/tasks/resources/taskMemory.ts';
import { defaultOptions } from '../../../support/newTask.ts';
import { starterModel } from '../../../support/starterModel.ts';

/** Three stems: MSST holds 14 copies of two floats, 4.9 MB a second; one more of each stem for every further shift. */
const model = starterModel();
const COPY = 44_100 * 2 * 4;
const uncut = { ...model, chunking: null };

const task = (durationSeconds: number, options: Partial<typeof defaultOptions> = {}) => ({
  options: { ...defaultOptions, ...options },
  mixture: { durationSeconds },
});

test('a mixture that stays whole takes as much as it is long, and every further shift its stems', () => {
  expect(taskBytes(task(100), model)).toBe(14 * COPY * 100);
  expect(taskBytes(task(100, { bigshifts: 3 }), model)).toBe((14 + 2 * 3) * COPY * 100);
  expect(taskBytes(task(1000), uncut)).toBe(14 * COPY * 1000);
});

test('one in pieces takes what its longest piece does, however long it is and however often it is shifted', () => {
  const ofAPiece = 14 * COPY * 240 * 1.25;
  for (const each of [task(1000), task(1e6), task(1000, { bigshifts: 5 })])
    expect(taskBytes(each, model)).toBe(ofAPiece);
  expect(wholeBytes(task(1000), model)).toBe(14 * COPY * 1000);
});

test('a task whose model is gone takes nothing', () => {
  expect(taskBytes(task(1000), null)).toBe(0);
});

test('the pieces follow the overlap and the batch size that the task asks for, else those of its model', () => {
  const seconds = (batchSize: number, numOverlap: number) =>
    (4 * (261_120 + (261_120 / numOverlap) * batchSize) + 8192) / 44_100;
  expect(pieceSeconds(task(1e5), model)).toBe(240);
  expect(pieceSeconds(task(1e5, { batchSize: 32 }), model)).toBe(seconds(32, 2));
  expect(pieceSeconds(task(1e5, { batchSize: 64, numOverlap: 3 }), model)).toBe(seconds(64, 3));
  const batched = starterModel({ chunking: { chunkSamples: 261_120, numOverlap: 2, batchSize: 64 } });
  expect(pieceSeconds(task(1e5), batched)).toBe(seconds(64, 2));
  expect(pieceSeconds(task(1e5), uncut)).toBeNull();
});

test('a host that holds a piece takes any length; one that does not takes what it holds whole, or what is not cut', () => {
  const { options } = task(0);
  const ofAPiece = (14 * COPY * 240 * 1.25) / 0.8;
  expect(longestSeconds(options, model, ofAPiece + 1)).toBe(Infinity);
  expect(longestSeconds(options, model, ofAPiece - 1e6)).toBe(299);
  const shifted = { ...options, bigshifts: 2 };
  expect(longestSeconds(shifted, uncut, (17 * COPY * 100 + 1) / 0.8)).toBe(100);
  expect(longestSeconds(options, uncut, 8e9)).toBe(Math.floor((8e9 * 0.8) / (14 * COPY)));
});

test('a mixture in pieces is decoded onto the disk once, and with shifts also every stem; a whole one is not', () => {
  expect(scratchBytes(task(300, { bigshifts: 9 }), model)).toBe(0);
  expect(scratchBytes(task(1000), model)).toBe(COPY * 1000);
  expect(scratchBytes(task(1000, { bigshifts: 2 }), model)).toBe(4 * COPY * 1000);
  expect(scratchBytes(task(1000, { bigshifts: 9 }), model)).toBe(4 * COPY * 1000);
  expect(scratchBytes(task(1000, { bigshifts: 2 }), uncut)).toBe(0);
});
