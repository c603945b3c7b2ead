import { choosePreloads } from '../models/catalog/preloadList.ts';
import type { ModelCatalog } from '../models/catalog/modelCatalog.ts';
import { createDeviceAdmission } from '../scheduler/admission/deviceAdmission.ts';
import { createMemoryAdmission } from '../scheduler/admission/memoryAdmission.ts';
import { createPreparation } from '../scheduler/attempt/preparation.ts';
import { describeModel, lookAtModel } from '../scheduler/attempt/runnableModel.ts';
import { createStaging, type Staging } from '../scheduler/attempt/staging.ts';
import { createScheduler, type Scheduler } from '../scheduler/dispatch/scheduler.ts';
import { createMeasuredPeaks } from '../scheduler/estimates/measuredPeaks.ts';
import { createThroughputEstimates } from '../scheduler/estimates/throughput.ts';
import type { ProgressBoard } from '../tasks/progress.ts';
import { usableBytes } from '../tasks/resources/memoryEstimate.ts';
import { taskBytes } from '../tasks/resources/taskMemory.ts';
import type { Timeouts } from '../workers/health/timeouts.ts';
import { createModelResidency } from '../workers/inference/modelResidency.ts';
import { countOomKills } from '../workers/inference/oomKills.ts';
import type { Parts } from './parts.ts';
import type { Processes } from './processes.ts';
import type { Storage } from './storage.ts';

/** What starts tasks and gets their mixtures ready. */
export interface Scheduling {
  scheduler: Scheduler;
  staging: Staging;
}

/** Builds the scheduler, which every accepted task wakes. It starts nothing yet. */
export async function createScheduling(
  parts: Parts & {
    storage: Storage;
    processes: Processes;
    catalog: ModelCatalog;
    progress: ProgressBoard;
    /** Memory of the host, in bytes. */
    memoryBytes: number;
    timeouts: Timeouts;
  },
): Promise<Scheduling> {
  const { config, log, clock, catalog, timeouts } = parts;
  const { queue, workspace, running, events, devicePeaks } = parts.storage;
  const { pool, media } = parts.processes;
  const usableMemoryBytes = usableBytes(parts.memoryBytes);
  const onModelUnavailable = (modelType: string, reason: string) => {
    catalog.markUnavailable(modelType, reason);
  };
  const peaks = createMeasuredPeaks({
    stored: await devicePeaks.all(),
    store: devicePeaks,
    versionOf: (modelType) => catalog.named(modelType)?.version,
    log,
  });
  const staging = createStaging({
    queue,
    workspace,
    media,
    workers: () => pool.ready().length,
    reserveDiskBytes: config.reserveDiskBytes,
    onReady: () => {
      scheduler.wake();
    },
    log,
  });
  const devices = createDeviceAdmission({ workers: () => pool.ready(), peaks });
  const scheduler = createScheduler({
    memory: createMemoryAdmission({
      usableBytes: usableMemoryBytes,
      estimate: (task) => taskBytes(task, catalog.named(task.modelType)),
      clock,
    }),
    devices,
    peaks,
    preparation: createPreparation({
      queue,
      workspace,
      staging,
      describeModel: (modelType) => describeModel(catalog, modelType),
      log,
    }),
    queue,
    workspace,
    staging,
    progress: parts.progress,
    running,
    pool,
    throughput: createThroughputEstimates(await queue.recentThroughputs()),
    lookAtModel: (modelType) => lookAtModel(catalog, modelType),
    onModelUnavailable,
    residency: createModelResidency({
      pool,
      preload: choosePreloads(config.preloadModels, catalog, log),
      idleUnloadMs: config.modelIdleUnloadSeconds * 1000,
      describeModel: (name) => describeModel(catalog, name)?.params,
      onModelUnavailable,
      claimDevice: (worker) => devices.claimForLoad(worker),
      log,
    }),
    countOomKills,
    usableMemoryBytes,
    maxAttempts: config.taskMaxAttempts,
    timeouts,
    clock,
    log,
  });
  events.subscribe(({ type, task }) => {
    // Not for one that is requeued: its old attempt still holds its memory, so that a younger task would pass it.
    if (type === 'task.queued') scheduler.wake();
    if (type === 'task.cancelled' || type === 'task.deleted') staging.abandon(task.taskId);
  });
  return { scheduler, staging };
}
