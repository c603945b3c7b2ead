import type { Clock } from '../../clock.ts';
import { optionsToWire } from '../../contract/options.ts';
import type { Log } from '../../log/log.ts';
import { passesOf } from '../../contract/options.ts';
import type { AttemptFolders, Workspace } from '../../blobs/workspace.ts';
import type { AttemptResult } from '../../queue/taskQueue.ts';
import type { ThroughputEstimates } from '../estimates/throughput.ts';
import type { ProgressBoard, ProgressReport } from '../../tasks/progress.ts';
import type { StageClock } from '../../tasks/stageClock.ts';
import type { Task } from '../../tasks/task.ts';
import { pieceSeconds, wholeBytes } from '../../tasks/resources/taskMemory.ts';
import { watchAttempt } from '../../workers/inference/attemptWatch.ts';
import { tellOomKill, type CountOomKills } from '../../workers/inference/oomKills.ts';
import type { Timeouts } from '../../workers/health/timeouts.ts';
import type { SeparateParams, WrittenStem } from '../../contract/protocol.ts';
import type { Watchdog } from '../../workers/health/watchdog.ts';
import type { Lease } from '../../workers/inference/workerPool.ts';
import type { MeasuredPeaks } from '../estimates/measuredPeaks.ts';
import { needsStaging, prepareMixture, stageMixture, type PreparedMixture } from './mixture.ts';
import type { Preparation } from './preparation.ts';
import type { RunnableModel } from './runnableModel.ts';
import type { Staging } from './staging.ts';

/** Dependencies of `runAttempt`. */
export interface AttemptParts {
  workspace: Workspace;
  staging: Staging;
  progress: ProgressBoard;
  throughput: ThroughputEstimates;
  /** Re-reads the model's files; returns a sentence for clients when it cannot be used any more. */
  lookAtModel(modelType: string): Promise<RunnableModel | string>;
  countOomKills: CountOomKills;
  peaks: Pick<MeasuredPeaks, 'record'>;
  preparation: Preparation;
  /** Host memory available to all separations together, in bytes. */
  usableMemoryBytes: number;
  timeouts: Timeouts;
  clock: Clock;
  log: Log;
}

/** Expected upper bound for torch.compile during the first forward call. */
const COMPILE_SECONDS = 180;

/**
 * Runs one attempt of a task on a leased worker and publishes nothing: its files lie in the attempt's own
 * folder until the queue names them.
 *
 * @throws what the worker or the media child throws
 */
export async function runAttempt(
  parts: AttemptParts,
  task: Task,
  lease: Lease,
  stages: StageClock,
  signal: AbortSignal,
): Promise<AttemptResult> {
  const model = await parts.lookAtModel(task.modelType);
  if (typeof model === 'string') return failed(model);
  const missing = task.options.instruments.filter((name) => !model.outputs.includes(name));
  if (missing.length > 0) return failed(noSuchStems(task, missing));

  const known = { name: task.modelType, version: model.version, checkpointBytes: model.checkpointBytes };
  const rate = parts.throughput.expect(known, lease.device);
  const audioSeconds = passesOf(task.options) * task.mixture.durationSeconds;
  const expectedSeconds = rate * audioSeconds;
  const progress = parts.progress.begin(task, expectedSeconds);
  const startedAt = parts.clock.monotonic();
  const enter = (report: ProgressReport) => {
    stages.enter(report.stage);
    progress.update(report);
  };
  const shown = { enter, progress };
  const folders = await parts.workspace.openAttempt(task);
  let mixture = await prepareMixture(parts, task, shown, signal);
  const watched = {
    ...parts,
    worker: lease.worker,
    taskId: task.taskId,
    expectedSeconds: expectedSeconds + (model.params.compile ? COMPILE_SECONDS : 0),
  };
  const separate = (watchdog: Watchdog) =>
    lease.worker.separate(
      separateParams(parts, task, model, folders, mixture),
      {
        onProgress: (report) => {
          watchdog.progress(report);
          if (report.stage === 'separating') parts.preparation.begin(lease.worker);
          enter(report);
        },
        onHeartbeat: (heartbeat) => {
          watchdog.heartbeat(heartbeat);
          progress.renew();
        },
      },
      signal,
    );
  const result = await tellOomKill(parts.countOomKills, async () => {
    try {
      return await watchAttempt(watched, separate);
    } catch (error) {
      if (mixture.isStaged || !needsStaging(error)) throw error;
      parts.log.info(
        { err: error, taskId: task.taskId, attempt: task.attempt },
        'the worker could not read the mixture: staging it',
      );
      mixture = await stageMixture(parts, task, shown, signal);
      return await watchAttempt(watched, separate);
    }
  });
  const processingSeconds = (parts.clock.monotonic() - startedAt) / 1000;
  const stems = await parts.workspace.publish(task, result.stems);
  // Model loading and out-of-memory retries say nothing about the next task's duration.
  if (result.memory_retries === 0) {
    parts.throughput.record(known, lease.device, {
      workSeconds: processingSeconds - result.stage_seconds.loading_model,
      audioSeconds,
    });
  }
  if (result.device_peak) {
    parts.peaks.record(task, { device: lease.device, version: model.version }, result.device_peak);
  }
  parts.log.info(
    {
      taskId: task.taskId,
      attempt: task.attempt,
      stageSeconds: result.stage_seconds,
      forwardSeconds: result.forward_seconds,
      modelLoads: result.model_loads,
      devicePeak: result.device_peak,
      processingSeconds,
    },
    'an attempt computed its stems',
  );
  return {
    status: 'completed',
    stems: stems.map(toStem),
    warnings: [...changesOf(task, model), ...mixture.warnings, ...result.warnings],
    processingSeconds,
  };
}

function failed(message: string): AttemptResult {
  return {
    status: 'failed',
    failure: { code: 'SEPARATION_FAILED', message },
    countsAsFailure: true,
    processingSeconds: 0,
  };
}

/** A warning for the owner when the model has changed since the task was submitted. */
function changesOf({ modelType, modelVersion }: Task, { version }: RunnableModel): string[] {
  // Tasks from before versions were recorded have none.
  if (modelVersion === null || modelVersion === version) return [];
  return [
    `The model "${modelType}" was changed on the server after this task was submitted: its files, or how it is computed, are not the same. The stems were made with it as it is now.`,
  ];
}

const noSuchStems = ({ modelType }: Task, missing: readonly string[]) =>
  `The model "${modelType}" was changed on the server after this task was submitted, and has no ${missing.join(', ')} any more. Submit it again for what it has now.`;

function separateParams(
  { usableMemoryBytes }: AttemptParts,
  task: Task,
  model: RunnableModel,
  folders: AttemptFolders,
  mixture: PreparedMixture,
): SeparateParams {
  const { taskId, attempt, options } = task;
  const sized = { options, mixture };
  return {
    task_id: taskId,
    attempt,
    mixture_path: mixture.path,
    output_dir: folders.stems,
    scratch_dir: folders.scratch,
    duration_seconds: mixture.durationSeconds,
    piece_seconds: pieceSeconds(sized, model),
    whole_fits: wholeBytes(sized, model) <= usableMemoryBytes,
    model: model.params,
    options: optionsToWire(options),
  };
}

function toStem(stem: WrittenStem & { storageKey: string }) {
  return {
    instrument: stem.instrument,
    filename: stem.filename,
    storageKey: stem.storageKey,
    format: stem.format,
    bytes: stem.bytes,
    sha256: stem.sha256,
    durationSeconds: stem.duration_seconds,
    sampleRate: stem.sample_rate,
    channels: stem.channels,
    peak: stem.peak,
    clippedSamples: stem.clipped_samples,
  };
}
