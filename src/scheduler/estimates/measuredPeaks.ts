import type { Log } from '../../log/log.ts';
import type { DevicePeak, DevicePeakStore } from '../../queue/devicePeakStore.ts';
import type { Task } from '../../tasks/task.ts';

/** The parts of a task that determine its device memory. */
export type MeasuredTask = Pick<Task, 'modelType' | 'options' | 'mixture'>;

/** Measured peak GPU memory of tasks. */
export interface MeasuredPeaks {
  /** The largest measured peak of such a task (bytes); undefined: none measured, or none this long. */
  find(task: MeasuredTask, device: string): number | undefined;
  /** Records the peak of a task with this version of its model. */
  record(
    task: MeasuredTask,
    where: { device: string; version: string },
    peak: { bytes: number; any_length: boolean },
  ): void;
}

/**
 * Starts from the peaks stored by earlier runs. Only the longest mixture, the largest peak and the current files of a
 * model count. MSST moves the mixture to the GPU in batches, so a longer mixture takes no more once a batch was full;
 * a peak measured with less than a full batch holds for shorter mixtures only.
 *
 * @param parts.versionOf the version of the model's current files; undefined when the model is gone
 */
export function createMeasuredPeaks(parts: {
  stored: readonly DevicePeak[];
  store: Pick<DevicePeakStore, 'save'>;
  versionOf: (modelType: string) => string | undefined;
  log: Log;
}): MeasuredPeaks {
  const peaks = new Map(
    parts.stored.map((peak) => [keyOf(peak.modelType, peak.device, peak.batchSize), peak]),
  );

  const known = (task: MeasuredTask, device: string): DevicePeak | undefined => {
    const peak = peaks.get(keyOf(task.modelType, device, task.options.batchSize));
    return peak?.version === parts.versionOf(task.modelType) ? peak : undefined;
  };

  return {
    find(task, device) {
      const peak = known(task, device);
      if (!peak) return undefined;
      const isCovered = peak.upToSeconds === null || task.mixture.durationSeconds <= peak.upToSeconds;
      return isCovered ? peak.bytes : undefined;
    },
    record(task, { device, version }, { bytes, any_length: anyLength }) {
      // The model's files may have changed during the task.
      if (version !== parts.versionOf(task.modelType)) return;
      const before = known(task, device);
      const seconds = anyLength ? null : task.mixture.durationSeconds;
      const peak: DevicePeak = {
        modelType: task.modelType,
        device,
        batchSize: task.options.batchSize,
        version,
        bytes: Math.max(bytes, before?.bytes ?? 0),
        upToSeconds: before ? longer(before.upToSeconds, seconds) : seconds,
      };
      if (before?.bytes === peak.bytes && before.upToSeconds === peak.upToSeconds) return;
      peaks.set(keyOf(task.modelType, device, task.options.batchSize), peak);
      parts.store.save(peak).catch((error: unknown) => {
        // Kept in memory; the next run measures it again.
        parts.log.warn({ err: error, peak }, 'a measured GPU memory peak could not be saved');
      });
    },
  };
}

const keyOf = (modelType: string, device: string, batchSize: number | null) =>
  JSON.stringify([modelType, device, batchSize]);

const longer = (a: number | null, b: number | null) => (a === null || b === null ? null : Math.max(a, b));
