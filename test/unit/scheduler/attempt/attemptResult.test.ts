/** What an attempt asks of its worker, and what it makes of the answer. */
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  ChildDied,
  ChildFailure,
  KilledForMemory,
  WorkerHung,
} from '../../../../src/workers/process/childErrors.ts';
import { TIMEOUTS } from '../../../../src/workers/health/timeouts.ts';
import type { SeparateResult } from '../../../../src/contract/protocol.ts';
import { defaultOptions, newMixture } from '../../../support/newTask.ts';
import { runnableModel, standInAttempt, writeStem, writtenStem } from '../../../support/standInAttempt.ts';

describe('the worker is told', () => {
  test('which file, where to write, and every option', async () => {
    const options = {
      instruments: ['bass', 'drums'],
      useTta: true,
      extractInstrumental: true,
      outputFormat: 'flac',
      pcmType: 'PCM_16',
      bigshifts: 3,
      numOverlap: 4,
      batchSize: 5,
    } as const;
    const model = runnableModel();
    const attempt = await standInAttempt({
      task: { options: { ...options, instruments: ['bass', 'drums'] } },
      model,
    });
    await attempt.run();
    const { taskId, mixture } = attempt.task;
    expect(attempt.separated).toEqual([
      {
        task_id: taskId,
        attempt: 1,
        mixture_path: attempt.files.at(mixture.storageKey),
        output_dir: attempt.files.at(`results/${taskId}/1`),
        scratch_dir: attempt.files.at(`tmp/${taskId}.1/work`),
        duration_seconds: 10,
        piece_seconds: null,
        whole_fits: true,
        model: model.params,
        options: {
          instruments: ['bass', 'drums'],
          use_tta: true,
          extract_instrumental: true,
          output_format: 'flac',
          pcm_type: 'PCM_16',
          bigshifts: 3,
          num_overlap: 4,
          batch_size: 5,
        },
      },
    ]);
    expect(attempt.staged).toEqual([]);
  });

  test('to find its folders empty, whatever an attempt of this number left there', async () => {
    let found: string[][] = [];
    const attempt = await standInAttempt({
      separate: async (_params, _events, { files, task }) => {
        found = [
          await files.list(`results/${task.taskId}/1`),
          await files.list(`tmp/${task.taskId}.1`),
          await files.list(`tmp/${task.taskId}.1/work`),
        ];
        return {};
      },
    });
    await writeStem(attempt, 'left.wav');
    await attempt.files.createFolder(`tmp/${attempt.task.taskId}.1/mixture.wav`);
    await attempt.run();
    expect(found).toEqual([[], ['work'], []]);
  });

  test('of a mixture that is too long to be held the pieces, and whether the whole of it fits all the same', async () => {
    // Three stems of a thousand seconds: 14 copies of two floats at 44.1 kHz.
    const bytes = 14 * 44_100 * 2 * 4 * 1_000;
    const toldWith = async (usableMemoryBytes: number) => {
      const task = { mixture: newMixture({ durationSeconds: 1_000 }) };
      const { run, separated } = await standInAttempt({ task, parts: { usableMemoryBytes } });
      await run();
      return separated.map((params) => [params.piece_seconds, params.whole_fits]);
    };
    expect(await toldWith(bytes)).toEqual([[240, true]]);
    expect(await toldWith(bytes - 1)).toEqual([[240, false]]);
  });
});

describe('a model that was changed after the task came', () => {
  test('and cannot be used any more fails the task in the words of the catalog, and asks no worker', async () => {
    const { run, separated } = await standInAttempt({ model: 'The model "starter" is gone.' });
    expect(await run()).toEqual({
      status: 'failed',
      failure: { code: 'SEPARATION_FAILED', message: 'The model "starter" is gone.' },
      countsAsFailure: true,
      processingSeconds: 0,
    });
    expect(separated).toEqual([]);
  });

  test('and has no such stems any more fails the task with their names', async () => {
    const { run, separated } = await standInAttempt({
      model: runnableModel({ outputs: ['bass', 'vocals'] }),
    });
    expect(await run()).toMatchObject({
      status: 'failed',
      failure: { message: expect.stringContaining('has no drums, other any more') },
    });
    expect(separated).toEqual([]);
  });

  test('otherwise is told in a warning, before what the worker warns of', async () => {
    const warningsOf = async (modelVersion: string | null) => {
      const separate = async () => ({ warnings: ['clipped'] });
      const result = await (await standInAttempt({ task: { modelVersion }, separate })).run();
      return result.status === 'completed' ? result.warnings : undefined;
    };
    expect(await warningsOf('0')).toEqual([
      expect.stringMatching(/^The model "starter" was changed on the server after this task was submitted/),
      'clipped',
    ]);
    expect(await warningsOf('1')).toEqual(['clipped']);
    expect(await warningsOf(null)).toEqual(['clipped']);
  });
});

describe('the stems', () => {
  test('are named as the worker reported them, by keys in the folder of the attempt', async () => {
    const attempt = await standInAttempt({
      task: { attempt: 2 },
      separate: async (_params, _events, own) => {
        await writeStem(own, 'drums.wav');
        own.clock.advance(2_500);
        return { stems: [writtenStem()] };
      },
    });
    expect(await attempt.run()).toEqual({
      status: 'completed',
      stems: [
        {
          instrument: 'drums',
          filename: 'drums.wav',
          storageKey: `results/${attempt.task.taskId}/2/drums.wav`,
          format: 'wav',
          bytes: 4,
          sha256: 'cd'.repeat(32),
          durationSeconds: 10,
          sampleRate: 44_100,
          channels: 2,
          peak: 0.5,
          clippedSamples: 3,
        },
      ],
      warnings: [],
      processingSeconds: 2.5,
    });
  });

  test.each([
    ['is not there', undefined],
    ['is shorter than reported', 3],
  ])('are refused where one %s', async (_, bytes) => {
    const attempt = await standInAttempt({
      separate: async (_params, _events, own) => {
        await writeStem(own, 'bass.wav');
        if (bytes !== undefined) await writeStem(own, 'drums.wav', bytes);
        return { stems: [writtenStem({ filename: 'bass.wav' }), writtenStem()] };
      },
    });
    await expect(attempt.run()).rejects.toThrow('the stem drums.wav is not as the worker reported it');
  });
});

describe('what was measured', () => {
  const known = { name: 'starter', version: '1', checkpointBytes: 10e6 };
  /** An attempt of twelve seconds of work and three of loading, on ten seconds of audio. */
  const measuring = async (answer: Partial<SeparateResult>, task = {}) => {
    const peaks: unknown[][] = [];
    const attempt = await standInAttempt({
      task,
      device: 'GPU-a',
      parts: { peaks: { record: (...told) => void peaks.push(told) } },
      separate: async (_params, _events, { clock }) => {
        clock.advance(15_000);
        return {
          stage_seconds: { loading_model: 3, decoding: 1, separating: 10, encoding: 1 },
          ...answer,
        };
      },
    });
    const before = attempt.throughput.expect(known, 'GPU-a');
    await attempt.run();
    return { peaks, attempt, before, after: attempt.throughput.expect(known, 'GPU-a') };
  };

  test('is the throughput of the model on this device, without what loading took, for each pass over a second', async () => {
    // Ten seconds took twelve; what was assumed counts like 0.7 seconds.
    const paced = (audioSeconds: number, before: number) => (12 + 0.7 * before) / (audioSeconds + 0.7);
    const once = await measuring({});
    expect(once.after).toBeCloseTo(paced(10, once.before), 9);
    // Two shifts with three passes each.
    const options = { ...defaultOptions, bigshifts: 2, useTta: true };
    const often = await measuring({}, { options });
    expect(often.after).toBeCloseTo(paced(60, often.before), 9);
  });

  test('of an attempt that ran out of memory on its way is no throughput', async () => {
    const { before, after } = await measuring({ memory_retries: 1 });
    expect(after).toBe(before);
  });

  test('of a shared GPU is told for the task, the device and the version', async () => {
    const device_peak = { bytes: 7, any_length: false };
    const { peaks, attempt } = await measuring({ device_peak });
    expect(peaks).toEqual([[attempt.task, { device: 'GPU-a', version: '1' }, device_peak]]);
    expect((await measuring({})).peaks).toEqual([]);
  });

  test('stands in the log, with all that is known of the attempt', async () => {
    const info = vi.fn();
    const device_peak = { bytes: 7, any_length: true };
    const { run, task } = await standInAttempt({
      parts: { log: { info } },
      separate: async (_params, _events, { clock }) => {
        clock.advance(4_000);
        return { device_peak, model_loads: 2, forward_seconds: 0.75 };
      },
    });
    await run();
    expect(info.mock.lastCall?.[0]).toEqual({
      taskId: task.taskId,
      attempt: 1,
      stageSeconds: { loading_model: 0, decoding: 0, separating: 1, encoding: 0 },
      forwardSeconds: 0.75,
      modelLoads: 2,
      devicePeak: device_peak,
      processingSeconds: 4,
    });
  });
});

describe('while it runs', () => {
  test('its progress follows the reports of the worker, from an estimate by length and passes', async () => {
    const options = { ...defaultOptions, bigshifts: 2, useTta: true };
    const shown: unknown[] = [];
    const attempt = await standInAttempt({
      task: { options },
      separate: async ({ task_id, attempt: number }, events, { clock, progress, task }) => {
        const show = () => {
          const { stage, percent, etaSeconds } = progress.find(task.taskId) ?? {};
          shown.push([stage, percent, etaSeconds]);
        };
        const report = (stage: 'decoding' | 'separating', done = 0, total = 0) => {
          events.onProgress({ task_id, attempt: number, stage, done, total });
          show();
        };
        show();
        report('decoding');
        report('separating', 1, 4);
        clock.advance(1_000);
        events.onHeartbeat({ task_id, attempt: number, cpu_seconds: 1, rss_bytes: 1 });
        show();
        return {};
      },
    });
    await attempt.run();
    // A fiftieth of a second for each megabyte: 0.2 a second of audio and pass, of which there are sixty.
    expect(shown).toEqual([
      ['loading_model', 0, 12],
      ['decoding', 1, 12],
      ['separating', 2, 12],
      ['separating', 9.9, 11],
    ]);
    expect(attempt.stages.read().stageSeconds).toEqual({ loading_model: 0, decoding: 0, separating: 1 });
  });

  test('the next song is prepared from when the network works, and not before', async () => {
    const begun: unknown[] = [];
    const attempt = await standInAttempt({
      parts: {
        preparation: {
          begin: (worker) => void begun.push(worker.id),
          end: () => undefined,
          look: () => undefined,
        },
      },
      separate: async ({ task_id, attempt: number }, events) => {
        const report = (stage: 'loading_model' | 'decoding' | 'separating' | 'encoding') => {
          events.onProgress({ task_id, attempt: number, stage, done: 0, total: 0 });
        };
        report('loading_model');
        report('decoding');
        expect(begun).toEqual([]);
        report('separating');
        expect(begun).toEqual(['worker-0']);
        report('encoding');
        return {};
      },
    });
    await attempt.run();
    expect(begun).toEqual(['worker-0']);
  });

  test('staging shows that it goes on, as a stage of its own, and no more once it is over', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const shown: unknown[] = [];
    const attempt = await standInAttempt({
      task: { mixture: newMixture({ stagingReason: 'M4A' }) },
      stage: async () => {
        const { taskId } = attempt.task;
        shown.push(attempt.progress.find(taskId));
        attempt.clock.advance(2_000);
        vi.advanceTimersByTime(1_999);
        shown.push(attempt.progress.find(taskId)?.updatedAt);
        vi.advanceTimersByTime(1);
        shown.push(attempt.progress.find(taskId)?.updatedAt);
      },
    });
    const began = attempt.clock.now();
    await attempt.run();
    expect(shown).toEqual([
      { stage: 'decoding', percent: 1, etaSeconds: 2, updatedAt: began },
      began,
      began + 2_000,
    ]);
    expect(attempt.stages.read().stageSeconds).toEqual({ loading_model: 0, decoding: 2 });
    expect(vi.getTimerCount()).toBe(0);
    const { taskId, mixture } = attempt.task;
    const staged = attempt.files.at(`tmp/${taskId}.staged/mixture.wav`);
    expect(attempt.staged).toEqual([
      {
        task_id: taskId,
        attempt: 1,
        path: attempt.files.at(mixture.storageKey),
        container: 'wav',
        duration_seconds: 10,
        output_path: staged,
      },
    ]);
    expect(attempt.separated).toMatchObject([{ mixture_path: staged, duration_seconds: 9.5 }]);
  });

  test.each([
    [false, 'overdue'],
    [true, undefined],
  ])('compiling (%s) has time of its own before the worker is overdue', async (compile, hang) => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const never = 1e9;
    const model = runnableModel();
    let die: (error: Error) => void = () => undefined;
    const attempt = await standInAttempt({
      model: { ...model, params: { ...model.params, compile } },
      parts: {
        timeouts: {
          ...TIMEOUTS,
          lookEveryMs: 60_000,
          deadlineMs: 0,
          silentMs: never,
          loadingSilentMs: never,
          stalledMs: never,
          suspectMs: never,
        },
      },
      worker: {
        dump: () => undefined,
        kill: () => {
          die(new ChildDied({ exitCode: null, signal: 'SIGKILL' }));
        },
      },
      separate: (_params, _events, { clock }) =>
        new Promise((resolve, reject) => {
          die = reject;
          // Ten seconds of audio should take two: after forty the attempt is overdue, where nothing is compiled.
          clock.advance(60_000);
          vi.advanceTimersByTime(60_000 + TIMEOUTS.dumpMs);
          resolve({});
        }),
    });
    const ended = await attempt.run().catch((error: unknown) => error);
    expect(ended instanceof WorkerHung ? ended.hang : undefined).toBe(hang);
  });
});

test('a worker that the kernel killed for want of memory is told from one that died otherwise', async () => {
  const died = new ChildDied({ exitCode: null, signal: 'SIGKILL' });
  let oomKills = 0;
  const dying = (kills: number) =>
    standInAttempt({
      parts: { countOomKills: async () => oomKills },
      separate: () => {
        oomKills += kills;
        return Promise.reject(died);
      },
    });
  await expect((await dying(1)).run()).rejects.toBeInstanceOf(KilledForMemory);
  await expect((await dying(0)).run()).rejects.toBe(died);
});

test('a failure of the worker is passed on as it is, and stages nothing', async () => {
  const failure = new ChildFailure('SEPARATION_FAILED', 'It failed.', null);
  const attempt = await standInAttempt({ separate: () => Promise.reject(failure) });
  await expect(attempt.run()).rejects.toBe(failure);
  expect([attempt.staged.length, attempt.separated.length]).toEqual([0, 1]);
});
