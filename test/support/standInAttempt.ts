import type { Log } from '../../src/log/log.ts';
import { createLog } from '../../src/log/log.ts';
import { runAttempt, type AttemptParts } from '../../src/scheduler/attempt/attempt.ts';
import type { RunnableModel } from '../../src/scheduler/attempt/runnableModel.ts';
import { openDataFolder, type DataFolder } from './dataFolder.ts';
import type { AttemptResult } from '../../src/queue/taskQueue.ts';
import {
  createThroughputEstimates,
  type ThroughputEstimates,
} from '../../src/scheduler/estimates/throughput.ts';
import { createProgressBoard, type ProgressBoard } from '../../src/tasks/progress.ts';
import { StageClock } from '../../src/tasks/stageClock.ts';
import type { Task } from '../../src/tasks/task.ts';
import type { AttemptEvents } from '../../src/workers/inference/inferenceWorker.ts';
import { TIMEOUTS } from '../../src/workers/health/timeouts.ts';
import type {
  SeparateParams,
  SeparateResult,
  StageParams,
  WrittenStem,
} from '../../src/contract/protocol.ts';
import type { Lease } from '../../src/workers/inference/workerPool.ts';
import { ManualClock } from './manualClock.ts';
import { runningTask } from './newTask.ts';
import { createStaging } from '../../src/scheduler/attempt/staging.ts';
import { starterModel } from './starterModel.ts';
import { temporaryFolder } from './temporaryFolder.ts';

/** An attempt whose worker and media child are played by the test, and what it asked of them. */
export interface StandInAttempt {
  run(): Promise<AttemptResult>;
  task: Task;
  clock: ManualClock;
  files: DataFolder;
  progress: ProgressBoard;
  throughput: ThroughputEstimates;
  stages: StageClock;
  separated: SeparateParams[];
  staged: StageParams[];
}

/** What a worker answers that did its work well: no stem, one second of the network's time. */
export const ANSWER = {
  stems: [],
  warnings: [],
  stage_seconds: { loading_model: 0, decoding: 0, separating: 1, encoding: 0 },
  model_loads: 1,
  forward_seconds: 1,
  memory_retries: 0,
  device_peak: null,
} satisfies Partial<SeparateResult>;

/** A stem as a worker reports it. */
export function writtenStem(given: Partial<WrittenStem> = {}): WrittenStem {
  return {
    instrument: 'drums',
    filename: 'drums.wav',
    format: 'wav',
    bytes: 4,
    sha256: 'cd'.repeat(32),
    duration_seconds: 10,
    sample_rate: 44_100,
    channels: 2,
    peak: 0.5,
    clipped_samples: 3,
    ...given,
  };
}

/** A model as a worker is told of it. */
export function runnableModel(given: Partial<RunnableModel> = {}): RunnableModel {
  const { sampleRate, outputs, chunking, checkpointBytes, version } = starterModel();
  const params = { name: 'starter', compile: false } as RunnableModel['params'];
  return { sampleRate, outputs, chunking, checkpointBytes, version, params, ...given };
}

/** Prepares one; `separate` and `stage` say what the children do. */
export async function standInAttempt(given: {
  task?: Partial<Task>;
  model?: RunnableModel | string;
  separate?: (
    params: SeparateParams,
    events: AttemptEvents,
    attempt: StandInAttempt,
  ) => Promise<Partial<SeparateResult>>;
  stage?: (params: StageParams) => Promise<void>;
  parts?: Partial<Omit<AttemptParts, 'log'>> & { log?: Pick<Log, 'info'> };
  /** What the worker is beside. */
  worker?: object;
  device?: string;
}): Promise<StandInAttempt> {
  const task = runningTask(given.task);
  const clock = new ManualClock();
  const files = openDataFolder(await temporaryFolder());
  const progress = createProgressBoard(clock);
  const throughput = createThroughputEstimates([]);
  const stages = new StageClock(clock);
  const parts = {
    workspace: files.workspace,
    staging: createStaging({
      queue: { nextPending: async () => [] },
      workspace: files.workspace,
      media: {
        stage: async (params: StageParams) => {
          attempt.staged.push(params);
          await given.stage?.(params);
          return { duration_seconds: 9.5, warnings: ['0.50 s are missing'] };
        },
      },
      workers: () => 1,
      reserveDiskBytes: 0,
      onReady: () => undefined,
      log: createLog('silent'),
    }),
    progress,
    throughput,
    lookAtModel: async () => given.model ?? runnableModel(),
    countOomKills: async () => undefined,
    peaks: { record: () => undefined },
    preparation: { begin: () => undefined, end: () => undefined, look: () => undefined },
    usableMemoryBytes: 1e12,
    timeouts: TIMEOUTS,
    clock,
    log: createLog('silent'),
    ...given.parts,
  } as unknown as AttemptParts;
  const worker = {
    id: 'worker-0',
    separate: async (params: SeparateParams, events: AttemptEvents) => {
      attempt.separated.push(params);
      return { ...ANSWER, ...(await given.separate?.(params, events, attempt)) };
    },
    ...given.worker,
  };
  const lease = { worker, device: given.device ?? 'cpu' } as unknown as Lease;
  const attempt: StandInAttempt = {
    run: () => runAttempt(parts, task, lease, stages, new AbortController().signal),
    task,
    clock,
    files,
    progress,
    throughput,
    stages,
    separated: [],
    staged: [],
  };
  return attempt;
}

/** Writes a stem of so many bytes into the folder of an attempt. */
export async function writeStem({ files, task }: StandInAttempt, filename: string, bytes = 4): Promise<void> {
  await files.put(`results/${task.taskId}/${String(task.attempt)}/${filename}`, Buffer.alloc(bytes));
}
