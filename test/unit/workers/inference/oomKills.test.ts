import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { ChildDied, ChildFailure, KilledForMemory } from '../../../../src/workers/process/childErrors.ts';
import { countOomKills, tellOomKill } from '../../../../src/workers/inference/oomKills.ts';
import { temporaryFolder } from '../../../support/temporaryFolder.ts';

/** Counts as the given numbers say, one after the other. */
const counting =
  (...counts: (number | undefined)[]) =>
  () =>
    Promise.resolve(counts.shift());
const dying = (signal: string | null) => () =>
  Promise.reject(new ChildDied({ exitCode: signal === null ? 1 : null, signal }));

describe('an attempt whose worker dies', () => {
  test('by SIGKILL while the kernel ended a process for want of memory was ended by that', async () => {
    await expect(tellOomKill(counting(3, 4), dying('SIGKILL'))).rejects.toThrow(KilledForMemory);
  });

  test.each([
    ['the kernel ended none', counting(3, 3), dying('SIGKILL')],
    ['the kernel does not tell', counting(undefined, undefined), dying('SIGKILL')],
    ['the kernel told before, and no more', counting(3, undefined), dying('SIGKILL')],
    ['it crashed', counting(3, 4), dying('SIGSEGV')],
    ['it ended by itself', counting(3, 4), dying(null)],
  ])('died as ever when %s', async (_when, count, run) => {
    await expect(tellOomKill(count, run)).rejects.toThrow(ChildDied);
  });

  test('with another failure fails with that', async () => {
    const failure = new ChildFailure('INTERNAL', 'It failed.', null);
    await expect(tellOomKill(counting(3, 4), () => Promise.reject(failure))).rejects.toBe(failure);
  });
});

test('what succeeds is passed on', async () => {
  await expect(tellOomKill(counting(3, 4), () => Promise.resolve('stems'))).resolves.toBe('stems');
});

describe('the count of the kernel', () => {
  test('is found among its others', async () => {
    const file = path.join(await temporaryFolder(), 'vmstat');
    await writeFile(file, 'pgmajfault 5\noom_kill 12\nnuma_hit 7\noom_killer 9\n');
    expect(await countOomKills(file)).toBe(12);
  });

  test('is unknown where there is no such file, or no such line in it', async () => {
    const folder = await temporaryFolder();
    expect(await countOomKills(path.join(folder, 'none'))).toBeUndefined();
    await writeFile(path.join(folder, 'vmstat'), 'pgmajfault 5\n');
    expect(await countOomKills(path.join(folder, 'vmstat'))).toBeUndefined();
  });

  test.runIf(process.platform === 'linux')('is a number on a Linux of today', async () => {
    expect(await countOomKills()).toBeGreaterThanOrEqual(0);
  });
});
