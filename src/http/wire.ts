/** From the domain to the wire. */
import type { z } from '@hono/zod-openapi';
import type { ModelEntry } from '../models/modelEntry.ts';
import type { Stem, Task } from '../tasks/task.ts';
import type { TaskView } from '../tasks/taskView.ts';
import type { modelSchema, resultsSchema, taskSchema } from './schemas.ts';

/** Where the API lives, below the public URL. */
export const API_PREFIX = '/api/v1';

/** A task as the API shows it. `base` stands before every URL: the public URL, or nothing. */
export function taskToWire(view: TaskView, base: string): z.output<typeof taskSchema> {
  const { task, progress } = view;
  const { mixture, options } = task;
  const self = `${base}${API_PREFIX}/tasks/${task.taskId}`;
  return {
    task_id: task.taskId,
    status: task.status,
    model_type: task.modelType,
    parameters: {
      instruments: options.instruments,
      use_tta: options.useTta,
      extract_instrumental: options.extractInstrumental,
      output_format: options.outputFormat,
      pcm_type: options.pcmType,
      bigshifts: options.bigshifts,
      num_overlap: options.numOverlap,
      batch_size: options.batchSize,
    },
    input: {
      filename: mixture.filename,
      bytes: mixture.bytes,
      duration_seconds: mixture.durationSeconds,
      sample_rate: mixture.sampleRate,
      channels: mixture.channels,
      codec: mixture.codec,
      sha256: mixture.sha256,
    },
    progress: {
      percent: progress.percent,
      stage: progress.stage,
      eta_seconds: progress.etaSeconds,
      updated_at: isoTime(progress.updatedAt),
    },
    queue_position: view.queuePosition,
    attempts: task.attempt,
    warnings: [...task.warnings],
    error: task.failure,
    created_at: isoTime(task.createdAt),
    started_at: task.startedAt === null ? null : isoTime(task.startedAt),
    completed_at: task.completedAt === null ? null : isoTime(task.completedAt),
    processing_seconds: task.processingSeconds,
    links: { self, results: `${self}/results`, cancel: `${self}/cancel` },
  };
}

/**
 * Makes the text of a task as the API shows it. Clients ask for the same one again and again, and making it takes as
 * long as the rest of the answer: it is kept for as long as the task's row and progress are the same.
 */
export function createTaskText(base: string): (view: TaskView) => string {
  const kept = new WeakMap<Task, { moment: string; text: string }>();
  return (view) => {
    const { percent, stage, etaSeconds, updatedAt } = view.progress;
    const moment = [percent, stage, etaSeconds, updatedAt, view.queuePosition].join();
    const known = kept.get(view.task);
    if (known?.moment === moment) return known.text;
    const text = JSON.stringify(taskToWire(view, base));
    kept.set(view.task, { moment, text });
    return text;
  };
}

/** The stems of a completed task, with their URLs; `keptMs` is how long they are kept after its end. */
export function resultsToWire(
  task: Task,
  stems: readonly Stem[],
  base: string,
  keptMs: number,
): z.output<typeof resultsSchema> {
  return {
    task_id: task.taskId,
    stems: stems.map((stem) => ({
      instrument: stem.instrument,
      filename: stem.filename,
      url: `${base}${API_PREFIX}/download/${task.taskId}/${encodeURIComponent(stem.filename)}`,
      format: stem.format,
      bytes: stem.bytes,
      duration_seconds: stem.durationSeconds,
      sample_rate: stem.sampleRate,
      channels: stem.channels,
      sha256: stem.sha256,
      peak: stem.peak,
      clipped_samples: stem.clippedSamples,
    })),
    expires_at: isoTime(expiresAt(task, keptMs)),
  };
}

/** The moment from which a completed task's results are gone, whenever their files are removed. */
export const expiresAt = (task: Task, keptMs: number): number =>
  (task.completedAt ?? task.createdAt) + keptMs;

/** A model as the API shows it. */
export function modelToWire(model: ModelEntry, isDefault: boolean): z.output<typeof modelSchema> {
  return {
    model_type: model.name,
    architecture: model.architecture,
    config_path: model.displayConfigPath,
    checkpoint_path: model.displayCheckpointPath,
    instruments: [...model.instruments],
    target_instrument: model.targetInstrument,
    sample_rate: model.sampleRate,
    stereo: model.stereo,
    default: isDefault,
    precision: model.precision,
    compile: model.compile,
    description: model.description,
    licence: model.licence,
  };
}

const isoTime = (ms: number) => new Date(ms).toISOString();
