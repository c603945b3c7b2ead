/** What an attempt does with a file that the worker cannot decode by itself. */
import { expect, test } from 'vitest';
import { ChildFailure } from '../../../../src/workers/process/childErrors.ts';
import { newMixture } from '../../../support/newTask.ts';
import { standInAttempt } from '../../../support/standInAttempt.ts';

const refusal = new ChildFailure('NEEDS_STAGING', 'Only 3.00 of 10.00 seconds can be decoded.', null);

test('a file that libsndfile does not read whole is staged and tried again in the same attempt', async () => {
  const { run, separated, staged } = await attemptOf({ refusals: 1 });
  const result = await run();
  expect(result).toMatchObject({ status: 'completed', warnings: ['0.50 s are missing'] });
  expect(staged).toMatchObject([{ attempt: 1, container: 'wav', duration_seconds: 10 }]);
  expect(separated.map((params) => [params.attempt, params.duration_seconds])).toEqual([
    [1, 10],
    [1, 9.5],
  ]);
  expect(separated[0]?.mixture_path).not.toBe(staged[0]?.output_path);
  expect(separated[1]?.mixture_path).toBe(staged[0]?.output_path);
});

test('it is staged once: what is refused even then fails', async () => {
  const { run, staged } = await attemptOf({ refusals: 2 });
  await expect(run()).rejects.toBe(refusal);
  expect(staged).toHaveLength(1);
});

test('what the probe found to need staging is staged at first, and not again', async () => {
  const { run, separated, staged } = await attemptOf({
    refusals: 1,
    stagingReason: 'libsndfile stops early',
  });
  await expect(run()).rejects.toBe(refusal);
  expect([staged.length, separated.length]).toEqual([1, 1]);
});

/** An attempt on a worker that refuses so many times. */
const attemptOf = ({ refusals, stagingReason = null }: { refusals: number; stagingReason?: string | null }) =>
  standInAttempt({
    task: { mixture: newMixture({ stagingReason }) },
    separate: async (_params, _events, { separated }) => {
      if (separated.length <= refusals) throw refusal;
      return {};
    },
  });
