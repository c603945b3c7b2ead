import { optionsToWire } from '../../contract/options.ts';
import { API_PREFIX } from '../request/publicPath.ts';
/** Converts domain objects to the wire format. */
import type { z } from '@hono/zod-openapi';
import type { ModelEntry } from '../../models/inspection/modelEntry.ts';
import type { Stem, Task } from '../../tasks/task.ts';
import type { TaskView } from '../../service/taskView.ts';
import type { modelSchema, resultsSchema, taskSchema } from './schemas.ts';

/** Converts a task to the wire format. `base` is the prefix of every URL: the public URL, or empty. */
export function taskToWire(view: TaskView, base: string): z.output<typeof taskSchema> {
  const { task, progress } = view;
  const { mixture, options } = task;
  const self = `${base}${API_PREFIX}/tasks/${task.taskId}`;
  return {
    task_id: task.taskId,
    status: task.status,
    model_type: task.modelType,
    parameters: optionsToWire(options),
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
 * Creates a function that serializes a task, with a cache. Clients poll the same task repeatedly, and serializing
 * takes as long as the rest of the response, so the text is reused while the task's row, progress and queue
 * position are unchanged.
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

/** Converts the stems of a completed task to the wire format. `keptMs`: how long they are kept after its end. */
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

/** When a completed task's results expire, in milliseconds since the epoch. Their files may be removed later. */
export const expiresAt = (task: Task, keptMs: number): number =>
  (task.completedAt ?? task.createdAt) + keptMs;

/** Converts a model to the wire format. */
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
