import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ChildDied } from '../../../../src/workers/process/childErrors.ts';
import type { ChildProcess } from '../../../../src/workers/process/childProcess.ts';
import { STAGING_TIMEOUTS, watchStaging } from '../../../../src/workers/media/stagingWatch.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A staging on a child that beats every 2 s, each time with so much more CPU time. */
function stage(cpuPerBeat: number, audioSeconds = 60) {
  const controller = new AbortController();
  let finish: (how: string) => void = () => undefined;
  let die: (error: Error) => void = () => undefined;
  const kill = vi.fn(() => {
    die(new ChildDied({ exitCode: null, signal: 'SIGKILL' }));
  });
  const watched = watchStaging(
    {
      child: { kill } as unknown as ChildProcess,
      audioSeconds,
      signal: controller.signal,
      timeouts: STAGING_TIMEOUTS,
    },
    (onBeat) => {
      let cpu = 5;
      const beating = setInterval(() => {
        cpu += cpuPerBeat;
        onBeat(cpu);
      }, 2_000);
      return new Promise<string>((resolve, reject) => {
        finish = resolve;
        die = reject;
      }).finally(() => {
        clearInterval(beating);
      });
    },
  );
  watched.catch(() => undefined);
  return { watched, kill, controller, finish: () => finish('done') };
}

test.each([
  ['whole cores', 2],
  ['a hundredth of a core, on a slow disk', 0.02],
  ['five thousandths of a core', 0.01],
])('one that uses %s may take as long as its music', async (_what, cpuPerBeat) => {
  const { watched, kill, finish } = stage(cpuPerBeat, 3_600);
  await vi.advanceTimersByTimeAsync(3_590_000);
  expect(kill).not.toHaveBeenCalled();
  finish();
  await expect(watched).resolves.toBe('done');
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(kill).not.toHaveBeenCalled();
});

test('one that only beats is killed after two minutes, for what beats take is no work', async () => {
  const { watched, kill } = stage(0.0005);
  await vi.advanceTimersByTimeAsync(119_000);
  expect(kill).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(3_000);
  expect(kill).toHaveBeenCalledOnce();
  await expect(watched).rejects.toMatchObject({ hang: 'stalled' });
});

test('one that works and never ends is killed at its deadline', async () => {
  const { watched, kill } = stage(2);
  await vi.advanceTimersByTimeAsync(599_000);
  expect(kill).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1_000);
  await expect(watched).rejects.toMatchObject({ hang: 'overdue' });
});

test('one that is cancelled has its grace, and dies as a cancelled one, not as one that hung', async () => {
  const { watched, kill, controller } = stage(2);
  controller.abort();
  await vi.advanceTimersByTimeAsync(9_999);
  expect(kill).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(kill).toHaveBeenCalledOnce();
  await expect(watched).rejects.toBeInstanceOf(ChildDied);
});
