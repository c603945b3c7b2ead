/** What the bench of a queue makes of the noted forward calls. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { gapsBetweenSongs, readForwards, secondsIn } from '../../../bench/queue/forwards.mjs';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

/** Calls of 10 ms, the next one so many ms after the end of the one before. */
function calls(...pauses: number[]) {
  let now = 0;
  return [0, ...pauses].map((pause) => {
    const began = now + pause;
    now = began + 10;
    return { began, ended: now };
  });
}

describe('the gaps between songs', () => {
  test('lie where one song has had as many calls as it takes, and not between the calls of one song', () => {
    expect(gapsBetweenSongs(calls(1, 50, 2, 3, 70), [2, 3, 1])).toEqual([50, 70]);
  });

  test('are found for one that cuts songs of one length otherwise', () => {
    expect(gapsBetweenSongs(calls(1, 2, 50, 1, 2), [2, 2])).toEqual([50]);
  });

  test('are not told where songs of different lengths are cut otherwise', () => {
    expect(gapsBetweenSongs(calls(1, 2, 50, 1, 2), [3, 1])).toBeNull();
  });

  test('are not told where nothing was noted', () => {
    expect(gapsBetweenSongs([], [2, 2])).toBeNull();
  });
});

test('the notes of a warm-up before the measured work are left out', async () => {
  const notes = path.join(await temporaryFolder(), 'forwards');
  await writeFile(notes, '1000000 9000000\n30000000 40000000\n20000000 25000000\n');
  const forwards = await readForwards(notes, 20);
  expect(forwards).toEqual([
    { began: 20, ended: 25 },
    { began: 30, ended: 40 },
  ]);
  expect(secondsIn(forwards)).toBeCloseTo(0.015);
});
