import type { AttemptFolders, Workspace } from '../../blobs/workspace.ts';
import type { AttemptProgress, ProgressReport } from '../../tasks/progress.ts';
import type { Task } from '../../tasks/task.ts';
import { ChildFailure } from '../../workers/process/childErrors.ts';
import type { MediaPool } from '../../workers/media/mediaPool.ts';

/** How often staging, which has no heartbeats of its own, renews what is shown. */
const RENEW_EVERY_MS = 2_000;

/** What making it takes. */
interface MixtureParts {
  workspace: Pick<Workspace, 'localPath'>;
  media: Pick<MediaPool, 'stage'>;
}

/** The file that MSST decodes, and how long it is. */
export interface PreparedMixture {
  path: string;
  durationSeconds: number;
  warnings: string[];
  isStaged: boolean;
}

/** Where staging shows that it goes on. */
interface Shown {
  enter: (report: ProgressReport) => void;
  progress: AttemptProgress;
}

/** Makes the file that MSST decodes. */
export async function prepareMixture(
  parts: MixtureParts,
  task: Task,
  folders: AttemptFolders,
  shown: Shown,
  signal: AbortSignal,
): Promise<PreparedMixture> {
  const { mixture } = task;
  if (mixture.stagingReason !== null) return stageMixture(parts, task, folders, shown, signal);
  const path = await parts.workspace.localPath(mixture.storageKey);
  return { path, durationSeconds: mixture.durationSeconds, warnings: [], isStaged: false };
}

/** Whether a worker refused a file only because libsndfile does not read it whole. */
export const needsStaging = (error: unknown) =>
  error instanceof ChildFailure && error.kind === 'NEEDS_STAGING';

/**
 * Has FFmpeg decode the mixture into a WAV of 32-bit floats that MSST can read.
 *
 * @throws {ChildFailure} INVALID_AUDIO or CANCELLED
 */
export async function stageMixture(
  { workspace, media }: MixtureParts,
  { taskId, attempt, mixture }: Task,
  { stagedMixture: path }: AttemptFolders,
  shown: Shown,
  signal: AbortSignal,
): Promise<PreparedMixture> {
  shown.enter({ stage: 'decoding', done: 0, total: 0 });
  const renewal = setInterval(() => {
    shown.progress.renew();
  }, RENEW_EVERY_MS);
  try {
    const staged = await media.stage(
      {
        task_id: taskId,
        attempt,
        path: await workspace.localPath(mixture.storageKey),
        container: mixture.container,
        duration_seconds: mixture.durationSeconds,
        output_path: path,
      },
      signal,
    );
    // What was written, not what the probe counted: a warning says what is missing.
    return { path, durationSeconds: staged.duration_seconds, warnings: staged.warnings, isStaged: true };
  } finally {
    clearInterval(renewal);
  }
}
