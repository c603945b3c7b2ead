import type { Workspace } from '../../blobs/workspace.ts';
import type { AttemptProgress, ProgressReport } from '../../tasks/progress.ts';
import type { Task } from '../../tasks/task.ts';
import { ChildFailure } from '../../workers/process/childErrors.ts';
import type { StagedMixture, Staging } from './staging.ts';

/** How often staging, which has no heartbeats of its own, renews what is shown. */
const RENEW_EVERY_MS = 2_000;

/** Dependencies of preparing a mixture. */
interface MixtureParts {
  workspace: Pick<Workspace, 'localPath'>;
  staging: Pick<Staging, 'stage'>;
}

/** The file that MSST decodes. */
export interface PreparedMixture extends StagedMixture {
  isStaged: boolean;
}

/** Where staging shows that it goes on. */
interface Shown {
  enter: (report: ProgressReport) => void;
  progress: AttemptProgress;
}

/** Finds the file that MSST decodes: the upload itself, or what is staged of it. */
export async function prepareMixture(
  parts: MixtureParts,
  task: Task,
  shown: Shown,
  signal: AbortSignal,
): Promise<PreparedMixture> {
  const { stagingReason, storageKey, durationSeconds } = task.mixture;
  if (stagingReason !== null) return stageMixture(parts, task, shown, signal);
  const path = await parts.workspace.localPath(storageKey);
  return { path, durationSeconds, warnings: [], isStaged: false };
}

/** Whether a worker refused a file only because libsndfile does not read it whole. */
export const needsStaging = (error: unknown) =>
  error instanceof ChildFailure && error.kind === 'NEEDS_STAGING';

/** Waits for the staged mixture, and shows the task as decoding meanwhile. @throws what staging throws */
export async function stageMixture(
  { staging }: MixtureParts,
  task: Task,
  shown: Shown,
  signal: AbortSignal,
): Promise<PreparedMixture> {
  shown.enter({ stage: 'decoding', done: 0, total: 0 });
  const renewal = setInterval(() => {
    shown.progress.renew();
  }, RENEW_EVERY_MS);
  try {
    return { ...(await staging.stage(task, signal)), isStaged: true };
  } finally {
    clearInterval(renewal);
  }
}
