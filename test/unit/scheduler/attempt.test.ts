/** What an attempt does with a file that the worker cannot decode by itself. */
import { expect, test } from 'vitest';
import { createLog } from '../../../src/log.ts';
import { runAttempt, type AttemptParts } from '../../../src/scheduler/attempt.ts';
import { createLocalFileStore } from '../../../src/store/fileStore.ts';
import { createPace } from '../../../src/tasks/pace.ts';
import { createProgressBoard } from '../../../src/tasks/progress.ts';
import { StageClock } from '../../../src/tasks/stageClock.ts';
import type { Task } from '../../../src/tasks/task.ts';
import { ChildFailure } from '../../../src/worker/childErrors.ts';
import { PATIENCE } from '../../../src/worker/patience.ts';
import type { SeparateParams, StageParams } from '../../../src/worker/protocol.ts';
import type { Lease } from '../../../src/worker/workerPool.ts';
import { ManualClock } from '../../support/manualClock.ts';
import { newMixture, newTask } from '../../support/newTask.ts';
import { starterModel } from '../../support/starterModel.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

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

/** An attempt on a worker that refuses so many times, and what it asked of its children. */
async function attemptOf(given: { refusals: number; stagingReason?: string }) {
  const separated: SeparateParams[] = [];
  const staged: StageParams[] = [];
  const clock = new ManualClock();
  const mixture = newMixture({ stagingReason: given.stagingReason ?? null });
  const task = { ...newTask({ mixture }), attempt: 1, failures: 0 } as unknown as Task;
  const parts = {
    files: createLocalFileStore(await temporaryFolder()),
    media: {
      stage: async (params: StageParams) => {
        staged.push(params);
        const shape = { sample_rate: 44_100, channels: 2, duration_seconds: 9.5 };
        return { task_id: task.taskId, attempt: 1, ...shape, warnings: ['0.50 s are missing'] };
      },
    },
    progress: createProgressBoard(clock),
    pace: createPace([]),
    lookAtModel: async () => ({ ...starterModel(), params: { name: 'starter' } }),
    countOomKills: async () => undefined,
    peaks: { record: () => undefined },
    preparation: { begin: () => undefined, end: () => undefined, look: () => undefined },
    usableMemoryBytes: 1e12,
    patience: PATIENCE,
    clock,
    log: createLog('silent'),
  } as unknown as AttemptParts;
  const worker = {
    id: 'worker-0',
    separate: async (params: SeparateParams) => {
      separated.push(params);
      if (separated.length <= given.refusals) throw refusal;
      const seconds = { loading_model: 0, decoding: 0, separating: 1, encoding: 0 };
      return {
        stems: [],
        warnings: [],
        stage_seconds: seconds,
        model_loads: 1,
        memory_retries: 0,
        device_peak: null,
      };
    },
  };
  const lease = { worker, device: 'cpu' } as unknown as Lease;
  const run = () => runAttempt(parts, task, lease, new StageClock(clock), new AbortController().signal);
  return { run, separated, staged };
}
