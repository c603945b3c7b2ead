import { describe, expect, test } from 'vitest';
import { createTaskText, modelToWire, resultsToWire, taskToWire } from '../../../../src/http/openapi/wire.ts';
import type { TaskView } from '../../../../src/service/taskView.ts';
import { defaultOptions, newMixture, newStem, runningTask } from '../../../support/newTask.ts';
import { starterModel } from '../../../support/starterModel.ts';

const TASK = 'c0ffee00-0000-4000-8000-000000000000';
const view = (given: Partial<TaskView> = {}): TaskView => ({
  task: runningTask({ taskId: TASK, createdAt: 1_000, startedAt: 2_000 }),
  progress: { percent: 42.5, stage: 'separating', etaSeconds: 17, updatedAt: 3_000 },
  queuePosition: null,
  ...given,
});

describe('a task on the wire', () => {
  test('has every fact of it, its times in UTC, and URLs below the base', () => {
    const task = runningTask({
      taskId: TASK,
      modelType: 'vocals',
      status: 'failed',
      attempt: 3,
      options: {
        ...defaultOptions,
        instruments: ['vocals'],
        useTta: true,
        extractInstrumental: true,
        outputFormat: 'flac',
        pcmType: 'PCM_16',
        bigshifts: 2,
        numOverlap: 4,
        batchSize: 8,
      },
      mixture: newMixture({
        filename: 'a.mp3',
        bytes: 7,
        durationSeconds: 1.5,
        sampleRate: 48_000,
        codec: 'mp3',
      }),
      warnings: ['It clips.'],
      failure: { code: 'OUT_OF_MEMORY', message: 'Too long.' },
      createdAt: 1_000,
      startedAt: 2_000,
      completedAt: 3_500,
      processingSeconds: 1.5,
    });
    const progress = { percent: 9, stage: 'separating', etaSeconds: 3, updatedAt: 3_000 } as const;
    const self = `https://audio.example/x/api/v1/tasks/${TASK}`;
    expect(taskToWire({ task, progress, queuePosition: 2 }, 'https://audio.example/x')).toEqual({
      task_id: TASK,
      status: 'failed',
      model_type: 'vocals',
      parameters: {
        instruments: ['vocals'],
        use_tta: true,
        extract_instrumental: true,
        output_format: 'flac',
        pcm_type: 'PCM_16',
        bigshifts: 2,
        num_overlap: 4,
        batch_size: 8,
      },
      input: {
        filename: 'a.mp3',
        bytes: 7,
        duration_seconds: 1.5,
        sample_rate: 48_000,
        channels: 2,
        codec: 'mp3',
        sha256: 'ab'.repeat(32),
      },
      progress: { percent: 9, stage: 'separating', eta_seconds: 3, updated_at: '1970-01-01T00:00:03.000Z' },
      queue_position: 2,
      attempts: 3,
      warnings: ['It clips.'],
      error: { code: 'OUT_OF_MEMORY', message: 'Too long.' },
      created_at: '1970-01-01T00:00:01.000Z',
      started_at: '1970-01-01T00:00:02.000Z',
      completed_at: '1970-01-01T00:00:03.500Z',
      processing_seconds: 1.5,
      links: { self, results: `${self}/results`, cancel: `${self}/cancel` },
    });
  });

  test('has null for what did not happen yet, also where that would be at the epoch', () => {
    const at = (startedAt: number | null, completedAt: number | null) =>
      taskToWire(view({ task: runningTask({ startedAt, completedAt }) }), '');
    expect(at(null, null)).toMatchObject({ started_at: null, completed_at: null });
    const epoch = '1970-01-01T00:00:00.000Z';
    expect(at(0, 0)).toMatchObject({ started_at: epoch, completed_at: epoch });
  });
});

describe('the text of a task', () => {
  test('is that of the task', () => {
    expect(createTaskText('/base')(view())).toBe(JSON.stringify(taskToWire(view(), '/base')));
  });

  test.each([
    { progress: { ...view().progress, percent: 43 } },
    { progress: { ...view().progress, stage: 'encoding' as const } },
    { progress: { ...view().progress, etaSeconds: 16 } },
    { progress: { ...view().progress, etaSeconds: null } },
    { progress: { ...view().progress, updatedAt: 3_001 } },
    { queuePosition: 1 },
  ])('is made anew when it has %j, and not otherwise', (changed) => {
    const text = createTaskText('');
    const first = view();
    text(first);
    const second = { ...first, ...changed };
    expect(text(second)).toBe(JSON.stringify(taskToWire(second, '')));
    expect(text(first)).toBe(JSON.stringify(taskToWire(first, '')));
  });

  test('is that of its own task, whatever another one has in common with it', () => {
    const text = createTaskText('');
    const other = view({ task: runningTask({ taskId: 'another' }) });
    expect(JSON.parse(text(view()))).toMatchObject({ task_id: TASK });
    expect(JSON.parse(text(other))).toMatchObject({ task_id: 'another' });
  });

  test('is not made twice of the same row and the same progress', () => {
    const text = createTaskText('');
    const { task, ...rest } = view();
    let reads = 0;
    const watched = Object.defineProperty({ ...task }, 'taskId', { get: () => ((reads += 1), TASK) });
    for (let n = 0; n < 3; n += 1) text({ ...rest, task: watched });
    expect(reads).toBe(2);
  });
});

describe('results on the wire', () => {
  test('have every stem with its URL, and the moment of their end', () => {
    const stem = { ...newStem(TASK, 1), filename: 'a b/ü.wav', peak: 0.25, clippedSamples: 3 };
    const task = runningTask({ taskId: TASK, createdAt: 1_000, completedAt: 5_000 });
    expect(resultsToWire(task, [stem], '/base', 2_000)).toEqual({
      task_id: TASK,
      stems: [
        {
          instrument: 'drums',
          filename: 'a b/ü.wav',
          url: `/base/api/v1/download/${TASK}/a%20b%2F%C3%BC.wav`,
          format: 'wav',
          bytes: 4,
          duration_seconds: 10,
          sample_rate: 44_100,
          channels: 2,
          sha256: 'cd'.repeat(32),
          peak: 0.25,
          clipped_samples: 3,
        },
      ],
      expires_at: '1970-01-01T00:00:07.000Z',
    });
  });
});

test('a model on the wire says all that its user may know, and whether it is the default', () => {
  const model = starterModel({
    targetInstrument: 'drums',
    description: 'Small.',
    licence: 'MIT',
    compile: true,
  });
  const wire = {
    model_type: 'starter',
    architecture: 'mdx23c',
    config_path: 'configs/config_starter.yaml',
    checkpoint_path: 'pretrain/starter.ckpt',
    instruments: ['drums', 'bass', 'other'],
    target_instrument: 'drums',
    sample_rate: 44_100,
    stereo: true,
    precision: 'fp32',
    compile: true,
    description: 'Small.',
    licence: 'MIT',
  };
  expect(modelToWire(model, true)).toEqual({ ...wire, default: true });
  expect(modelToWire(model, false)).toEqual({ ...wire, default: false });
});
