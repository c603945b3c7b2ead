import type { Log } from '../log.ts';
import type { DevicePeak, DevicePeakStore } from '../store/devicePeaks.ts';
import type { Task } from '../tasks/task.ts';

/** What of a task its memory on a device depends on. */
export type MeasuredTask = Pick<Task, 'modelType' | 'options' | 'mixture'>;

/** How much memory of a GPU tasks take, as far as that was measured. */
export interface MeasuredPeaks {
  /** The most that such a task was seen to take (bytes); undefined: none was seen, or none as long. */
  find(task: MeasuredTask, device: string): number | undefined;
  /** Such a task took so much there, with this version of its model. */
  record(
    task: MeasuredTask,
    where: { device: string; version: string },
    peak: { bytes: number; any_length: boolean },
  ): void;
}

/**
 * Builds it on what an earlier run of the server measured. Only the longest mixture, the largest peak and the present
 * files of a model count. MSST moves its mixture to the GPU batch by batch, so that a longer one takes no more once a
 * batch was full; what was measured with less holds for shorter ones only.
 *
 * @param parts.versionOf of the model's files as they are now; undefined when it is gone
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
      // Its files may have changed while it ran.
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
        // It is known for this run of the server, and will be measured again by the next.
        parts.log.warn({ err: error, peak }, 'what a model takes of a GPU could not be kept');
      });
    },
  };
}

const keyOf = (modelType: string, device: string, batchSize: number | null) =>
  JSON.stringify([modelType, device, batchSize]);

const longer = (a: number | null, b: number | null) => (a === null || b === null ? null : Math.max(a, b));
