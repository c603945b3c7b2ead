import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createLog, type Log } from '../../src/log/log.ts';
import type { AttemptParts } from '../../src/scheduler/attempt/attempt.ts';
import type { DeviceAdmission } from '../../src/scheduler/admission/deviceAdmission.ts';
import { createMemoryAdmission } from '../../src/scheduler/admission/memoryAdmission.ts';
import { createScheduler, type Scheduler } from '../../src/scheduler/dispatch/scheduler.ts';
import { openDataFolder, type DataFolder } from './dataFolder.ts';
import type { TaskQueue } from '../../src/queue/taskQueue.ts';
import { createThroughputEstimates } from '../../src/scheduler/estimates/throughput.ts';
import { createProgressBoard, type ProgressBoard } from '../../src/tasks/progress.ts';
import { createRunningAttempts, type RunningAttempts } from '../../src/tasks/runningAttempts.ts';
import type { InferenceWorker } from '../../src/workers/inference/inferenceWorker.ts';
import { TIMEOUTS } from '../../src/workers/health/timeouts.ts';
import type { SeparateParams, SeparateResult } from '../../src/contract/protocol.ts';
import type { Lease } from '../../src/workers/inference/workerPool.ts';
import { ANSWER, runnableModel, writtenStem } from './standInAttempt.ts';
import type { Staging } from '../../src/scheduler/attempt/staging.ts';
import { noStaging } from './noStaging.ts';
import type { QueueOnDisk } from './queueOnDisk.ts';
import { temporaryFolder } from './temporaryFolder.ts';

/** What a worker does that the test plays. */
export interface PlayedWorker {
  id: string;
  device?: string;
  separate?: (params: SeparateParams, signal: AbortSignal) => Promise<Partial<SeparateResult>>;
  unload?: () => Promise<{ unloaded: string[] }>;
}

/** A scheduler on workers that the test plays, and what it did, in order. */
export interface StandInScheduler {
  scheduler: Scheduler;
  /** `lent w`, `w worked` and the other ways to give one back, `idle` for nothing to start, and what a test adds. */
  did: string[];
  progress: ProgressBoard;
  running: RunningAttempts;
  files: DataFolder;
  workers: readonly InferenceWorker[];
}

/** Builds one on a queue; whoever starts it stops it. */
export async function standInScheduler(
  disk: QueueOnDisk,
  given: {
    workers: PlayedWorker[];
    queue?: Partial<TaskQueue>;
    staging?: Partial<Staging>;
    devices?: Partial<DeviceAdmission>;
    parts?: Partial<Pick<AttemptParts, 'preparation' | 'countOomKills'>>;
    /** Workers that are shown as idle, and are not to be had. */
    taken?: readonly string[];
    onNothingToStart?: () => void;
    stopPool?: () => Promise<void>;
    log?: Log;
  },
): Promise<StandInScheduler> {
  const did: string[] = [];
  const lent = new Set<string>();
  const workers = given.workers.map(({ id, device = 'cpu', ...plays }) => {
    const worker = {
      id,
      ready: { device: { total_memory_bytes: 0 } },
      holding: { models: [], device_bytes: null, device_used_bytes: null },
      separate: async (params: SeparateParams, _events: unknown, signal: AbortSignal) => {
        const answer = await plays.separate?.(params, signal);
        await writeFile(path.join(params.output_dir, 'drums.wav'), 'stem');
        return { ...ANSWER, stems: [writtenStem({ bytes: 4 })], ...answer };
      },
      unload: plays.unload,
    } as unknown as InferenceWorker;
    return { worker, device };
  });
  const leaseOf = (at: InferenceWorker | undefined): Lease | undefined => {
    const found = workers.find(({ worker }) => worker === at);
    if (!found || lent.has(found.worker.id) || given.taken?.includes(found.worker.id)) return undefined;
    const { id } = found.worker;
    lent.add(id);
    did.push(`lent ${id}`);
    return {
      ...found,
      idleMs: 0,
      release(how) {
        lent.delete(id);
        did.push(`${id} ${how}`);
      },
    };
  };
  const files = openDataFolder(await temporaryFolder());
  const progress = createProgressBoard(disk.clock);
  const running = createRunningAttempts();
  const scheduler = createScheduler({
    queue: { ...disk.queue, ...given.queue },
    workspace: files.workspace,
    staging: given.staging ? { ...noStaging, ...given.staging } : noStaging,
    progress,
    running,
    pool: {
      ready: () => workers.map(({ worker, device }) => ({ worker, device, isIdle: !lent.has(worker.id) })),
      lease: leaseOf,
      replaceWorn: () => undefined,
      stop: given.stopPool ?? (async () => undefined),
    },
    throughput: createThroughputEstimates([]),
    lookAtModel: async () => runnableModel(),
    usableMemoryBytes: 1e12,
    onModelUnavailable: () => undefined,
    residency: {
      maintain:
        given.onNothingToStart ??
        (() => {
          did.push('idle');
        }),
    },
    countOomKills: async () => undefined,
    maxAttempts: 3,
    devices: {
      hasRoom: () => true,
      takes: () => 0,
      begin: () => [],
      end: () => undefined,
      claimForLoad: () => undefined,
      ...given.devices,
    },
    peaks: { record: () => undefined },
    preparation: { begin: () => undefined, end: () => undefined, look: () => undefined },
    memory: createMemoryAdmission({ usableBytes: 1e12, estimate: () => 1, clock: disk.clock }),
    timeouts: TIMEOUTS,
    clock: disk.clock,
    log: given.log ?? createLog('silent'),
    ...given.parts,
  });
  return { scheduler, did, progress, running, files, workers: workers.map(({ worker }) => worker) };
}
