import { writeFile } from 'node:fs/promises';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { StageParams, StageResult } from '../../../../src/contract/protocol.ts';
import { createStaging, type Staging } from '../../../../src/scheduler/attempt/staging.ts';
import type { Task } from '../../../../src/tasks/task.ts';
import { ChildFailure } from '../../../../src/workers/process/childErrors.ts';
import { openDataFolder, type DataFolder } from '../../../support/dataFolder.ts';
import { newMixture, runningTask } from '../../../support/newTask.ts';
import { temporaryFolder } from '../../../support/temporaryFolder.ts';

/** A staging that a media child works on until the test ends it. */
interface Asked {
  params: StageParams;
  signal: AbortSignal;
  end: (how?: { error: Error }) => Promise<void>;
}

let files: DataFolder;
let asked: Asked[];
let waiting: Task[];
let workers: number;
let free: number;
let staging: Staging;
const onReady = vi.fn();
const warn = vi.fn();

beforeEach(async () => {
  files = openDataFolder(await temporaryFolder());
  [asked, waiting, workers, free] = [[], [], 1, 1e12];
  onReady.mockClear();
  warn.mockClear();
  staging = createStaging({
    queue: { nextPending: async (limit) => waiting.slice(0, limit) },
    workspace: { ...files.workspace, freeBytes: async () => free },
    media: {
      stage: (params, signal) =>
        new Promise<StageResult>((resolve, reject) => {
          signal.addEventListener('abort', () => {
            reject(new ChildFailure('CANCELLED', 'cancelled', null));
          });
          const end = async (how?: { error: Error }) => {
            if (how) reject(how.error);
            else {
              await writeFile(params.output_path, 'RIFF');
              resolve({ duration_seconds: 9.5, warnings: ['0.50 s are missing'] });
            }
          };
          asked.push({ params, signal, end });
        }),
    },
    workers: () => workers,
    reserveDiskBytes: 1_000,
    onReady,
    log: { warn },
  });
});

/** A pending task; its mixture of ten seconds at 44.1 kHz takes 3.5 MB when it is staged. */
const pending = (taskId: string, stagingReason: string | null = 'M4A'): Task =>
  runningTask({ taskId, status: 'pending', attempt: 0, mixture: newMixture({ stagingReason }) });
const staged = (taskId: string) => files.list(`tmp/${taskId}.staged`);
const begun = (howMany: number) => expect.poll(() => asked.length).toBe(howMany);
const idsAsked = () => asked.map(({ params }) => params.task_id);
const full = new ChildFailure('INSUFFICIENT_STORAGE', 'full', null);

describe('a task that may start', () => {
  test('is one whose mixture needs no staging', () => {
    expect(staging.isReady(pending('a', null))).toBe(true);
    expect(staging.has('a')).toBe(false);
  });

  test('is one whose mixture is staged, which is told once it is; its next attempt has it', async () => {
    const task = pending('a');
    expect(staging.isReady(task)).toBe(false);
    await begun(1);
    expect([staging.isReady(task), staging.isBusy(), onReady.mock.calls.length]).toEqual([false, true, 0]);
    expect(asked[0]?.params).toEqual({
      task_id: 'a',
      attempt: 1,
      path: files.at(task.mixture.storageKey),
      container: 'wav',
      duration_seconds: 10,
      output_path: files.at('tmp/a.staged/mixture.wav'),
    });
    await asked[0]?.end();
    await expect.poll(() => onReady.mock.calls.length).toBe(1);
    expect([staging.isReady(task), staging.isBusy()]).toEqual([true, false]);
    const mixture = {
      path: files.at('tmp/a.staged/mixture.wav'),
      durationSeconds: 9.5,
      warnings: ['0.50 s are missing'],
    };
    expect(staging.find('a')).toEqual(mixture);
    expect(await staging.stage(task, new AbortController().signal)).toEqual(mixture);
    expect(asked).toHaveLength(1);
  });

  test('is one whose mixture could not be staged: its attempt fails with the reason, and another tries anew', async () => {
    const task = pending('a');
    staging.isReady(task);
    await begun(1);
    const error = new ChildFailure('INVALID_AUDIO', 'It breaks off.', null);
    await asked[0]?.end({ error });
    await expect.poll(() => staging.isReady(task)).toBe(true);
    expect(staging.find('a')).toBeUndefined();
    await expect(staging.stage(task, new AbortController().signal)).rejects.toBe(error);
    await staging.release('a');
    expect(staging.isReady(task)).toBe(false);
    await begun(2);
  });

  test('waits while as many are staged as there are workers', async () => {
    workers = 2;
    const tasks = ['a', 'b', 'c'].map((id) => pending(id));
    expect(tasks.map(staging.isReady)).toEqual([false, false, false]);
    await begun(2);
    expect(idsAsked().sort()).toEqual(['a', 'b']);
    await asked.find(({ params }) => params.task_id === 'a')?.end();
    await expect.poll(() => onReady.mock.calls.length).toBe(1);
    expect(tasks.map(staging.isReady)).toEqual([true, false, false]);
    await begun(3);
  });
});

describe('an attempt', () => {
  test('stages what nobody staged before it, even if others are being staged', async () => {
    staging.isReady(pending('other'));
    await begun(1);
    const task = { ...pending('a'), attempt: 2 };
    const staging2 = staging.stage(task, new AbortController().signal);
    await begun(2);
    expect(asked[1]?.params).toMatchObject({ task_id: 'a', attempt: 2 });
    await asked[1]?.end();
    expect(await staging2).toMatchObject({ durationSeconds: 9.5 });
    await staging.release('a');
    expect([await staged('a'), staging.has('a')]).toEqual([[], false]);
  });

  test.each(['before', 'while'])('that is cancelled %s it is staged gets nothing', async (when) => {
    const controller = new AbortController();
    if (when === 'before') controller.abort();
    const work = staging.stage(pending('a'), controller.signal);
    if (when === 'while') {
      await begun(1);
      controller.abort();
    }
    await Promise.all([
      expect(work).rejects.toMatchObject({ kind: 'CANCELLED' }),
      when === 'before'
        ? begun(1).then(() => asked[0]?.end({ error: new ChildFailure('CANCELLED', '', null) }))
        : null,
    ]);
    await staging.release('a');
    expect(await files.list('tmp')).toEqual([]);
  });

  test('keeps its mixture when its task is cancelled, until it has ended', async () => {
    const task = pending('a');
    staging.isReady(task);
    await begun(1);
    await asked[0]?.end();
    await staging.stage(task, new AbortController().signal);
    staging.abandon('a');
    expect([await staged('a'), staging.has('a')]).toEqual([['mixture.wav'], true]);
  });
});

describe('a task that is cancelled or deleted while it waits', () => {
  test('is staged no longer, and nothing is left', async () => {
    staging.isReady(pending('a'));
    await begun(1);
    staging.abandon('a');
    expect([asked[0]?.signal.aborted, staging.has('a'), staging.isBusy()]).toEqual([true, false, false]);
    await expect.poll(() => files.list('tmp')).toEqual([]);
  });

  test('loses what was staged', async () => {
    staging.isReady(pending('a'));
    await begun(1);
    await asked[0]?.end();
    await expect.poll(() => staged('a')).toEqual(['mixture.wav']);
    staging.abandon('a');
    staging.abandon('never-known');
    await expect.poll(() => files.list('tmp')).toEqual([]);
  });
});

describe('ahead of their turn', () => {
  test('the next tasks are staged, as many as there are workers, and each once', async () => {
    workers = 2;
    waiting = [pending('plain', null), pending('a'), pending('b')];
    staging.lookAhead();
    await begun(1);
    staging.lookAhead();
    expect(idsAsked()).toEqual(['a']);
    waiting.shift();
    staging.lookAhead();
    staging.lookAhead();
    await begun(2);
    expect(idsAsked()).toEqual(['a', 'b']);
  });

  test('none is staged into the last of the disk, where the running tasks have stems to write', async () => {
    waiting = [pending('a')];
    const bytes = 10 * 44_100 * 8;
    free = 1_000 + 2 * bytes - 1;
    staging.lookAhead();
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toEqual([]);
    free += 1;
    staging.lookAhead();
    await begun(1);
  });

  test('one for which the disk was too full is staged again at its turn, and then fails with that', async () => {
    waiting = [pending('a')];
    staging.lookAhead();
    await begun(1);
    await asked[0]?.end({ error: full });
    await expect.poll(() => staging.has('a')).toBe(false);
    expect(staging.isReady(pending('a'))).toBe(false);
    await begun(2);
    await asked[1]?.end({ error: full });
    await expect.poll(() => staging.isReady(pending('a'))).toBe(true);
    await expect(staging.stage(pending('a'), new AbortController().signal)).rejects.toBe(full);
  });

  test('a queue that cannot be read is told to the log, and harms nothing', async () => {
    vi.spyOn(waiting, 'slice').mockImplementation(() => {
      throw new Error('SQLITE_IOERR');
    });
    onTestFinished(() => {
      vi.restoreAllMocks();
    });
    staging.lookAhead();
    await expect.poll(() => warn.mock.calls.length).toBe(1);
  });
});

test('a stop cancels what no attempt waits for, and begins nothing', async () => {
  workers = 3;
  staging.isReady(pending('a'));
  await begun(1);
  const ofAttempt = staging.stage(pending('b'), new AbortController().signal);
  await begun(2);
  staging.stop();
  expect(asked.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  expect(staging.isReady(pending('c'))).toBe(false);
  waiting = [pending('d')];
  staging.lookAhead();
  await asked[1]?.end();
  await ofAttempt;
  expect(asked).toHaveLength(2);
});
