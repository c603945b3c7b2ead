/** The composition root: every part is built here, once, and handed what it needs. */
import { mkdir, open, readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { hostMemoryBytes, usableBytes } from '../tasks/resources/memoryEstimate.ts';
import { systemClock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { createAccess } from '../http/middleware/access.ts';
import { createApp } from '../http/app.ts';
import { connectionBounds } from '../http/connections/connections.ts';
import { reportHealth } from '../http/reports/health.ts';
import { createMetrics } from '../http/reports/metrics.ts';
import { createPageCursors } from '../http/routes/pageCursor.ts';
import { CLIENT_TIMEOUTS, listen, type ClientTimeouts } from '../http/server.ts';
import type { Log } from '../log/log.ts';
import { makeFolder } from '../disk/makeFolder.ts';
import { createModelCatalog } from '../models/catalog/modelCatalog.ts';
import { createModuleNeeds } from '../models/inspection/moduleNeeds.ts';
import { choosePreloads } from '../models/catalog/preloadList.ts';
import { cleanupInterval, createCleanup } from '../retention/cleanup.ts';
import { createDeviceAdmission } from '../scheduler/admission/deviceAdmission.ts';
import { createMeasuredPeaks } from '../scheduler/estimates/measuredPeaks.ts';
import { createMemoryAdmission } from '../scheduler/admission/memoryAdmission.ts';
import { recover } from '../retention/recovery.ts';
import { describeModel, lookAtModel } from '../scheduler/attempt/runnableModel.ts';
import { createPreparation } from '../scheduler/attempt/preparation.ts';
import { createScheduler } from '../scheduler/dispatch/scheduler.ts';
import { createBallast } from '../dataDir/ballast.ts';
import { keptKey } from '../dataDir/keptKey.ts';
import { lockDataDir } from '../dataDir/dataDirLock.ts';
import { openDatabase } from '../queue/sqlite/database.ts';
import { createDevicePeakStore } from '../queue/sqlite/devicePeaks.ts';
import { createLocalFileStore } from '../blobs/fileStore.ts';
import { createSqliteTaskQueue } from '../queue/sqlite/sqliteTaskQueue.ts';
import { createThroughputEstimates } from '../scheduler/estimates/throughput.ts';
import { createProgressBoard } from '../tasks/progress.ts';
import { createRunningAttempts } from '../tasks/runningAttempts.ts';
import { taskBytes } from '../tasks/resources/taskMemory.ts';
import { createTaskEvents } from '../tasks/taskEvents.ts';
import { createTaskLog } from '../tasks/taskLog.ts';
import { createTaskService } from '../service/taskService.ts';
import { chooseWorkers, findDevices } from '../workers/inference/devices.ts';
import { InferenceWorker } from '../workers/inference/inferenceWorker.ts';
import { createMediaPool } from '../workers/media/mediaPool.ts';
import { probeMixture } from '../workers/media/mixtureProbe.ts';
import { createModelResidency } from '../workers/inference/modelResidency.ts';
import { countOomKills } from '../workers/inference/oomKills.ts';
import { TIMEOUTS, type Timeouts } from '../workers/health/timeouts.ts';
import { askEngineForNeeds } from '../workers/inference/engineNeeds.ts';
import { askTorchForGpus } from '../workers/inference/torchGpus.ts';
import { createWorkerPool } from '../workers/inference/workerPool.ts';

/** A running server. */
export interface RunningServer {
  url: string;
  /** Takes nothing new, lets what runs go on for so long, then stops every part. */
  stop(graceMs: number): Promise<void>;
}

/** Open requests get this long, or less where less grace is given, to end once everything behind them has stopped. */
const HTTP_GRACE_MS = 2_000;
const HOUR_MS = 3_600_000;
/** With less free disk than this, the room that was set aside for deletions is taken to start at all. */
const ROOM_TO_START = 4_000_000;

/**
 * Builds and starts the server.
 *
 * @param timeouts of workers; only tests give others
 * @param clientTimeouts likewise
 * @throws {DataDirUnusable} when another server holds the data directory, or a newer one has used it; or what listening throws
 */
export async function startServer(
  config: Config,
  log: Log,
  timeouts: Timeouts = TIMEOUTS,
  clientTimeouts: ClientTimeouts = CLIENT_TIMEOUTS,
): Promise<RunningServer> {
  const clock = systemClock;
  const startedAt = clock.monotonic();
  makeFolder(config.dataDir, 0o700);
  const files = createLocalFileStore(config.dataDir);
  const ballast = createBallast({
    file: path.join(config.dataDir, 'ballast'),
    freeBytes: () => files.freeBytes(),
    log,
  });
  // Taking the lock and opening the database take room too.
  if ((await files.freeBytes()) < ROOM_TO_START) ballast.release();
  const unlock = lockDataDir(config.dataDir);
  const command = { projectRoot: config.projectRoot, env: config.childEnv };
  // First of all, for nothing else takes as long; and awaited by nobody who is to answer requests.
  const devices = findDevices(config.devices, config.childEnv, log, () =>
    askTorchForGpus({ ...command, python: config.enginePython }, log),
  );
  const database = openDatabase(
    path.join(config.dataDir, 'tasks.db'),
    path.join(config.projectRoot, 'drizzle'),
    () => ballast.release(),
  );
  const running = createRunningAttempts();
  const events = createTaskEvents(log);
  events.subscribe(createTaskLog(log, running));
  const queue = createSqliteTaskQueue(database, clock, events);
  await mkdir(path.join(config.dataDir, 'inputs'), { recursive: true });
  await recover({ queue, files, log });
  void ballast.renew();

  const catalog = await createModelCatalog({
    projectRoot: config.projectRoot,
    msstRoot: config.msstRoot,
    extraModelDirs: config.extraModelDirs,
    needs: createModuleNeeds(
      config.knownNeeds,
      {
        python: config.enginePython,
        ask: (loader) =>
          askEngineForNeeds({ ...command, python: config.enginePython }, config.msstRoot, loader),
        onOtherArchitectures: () => {
          pool.renew('MSST builds different architectures than before');
        },
      },
      log,
    ),
    listed: config.listedModels,
    defaultModelType: config.defaultModelType,
    log,
  });
  const media = createMediaPool({ ...command, python: config.mediaPython }, log);
  const progress = createProgressBoard(clock);
  const pool = createWorkerPool({
    startWorker: (id, device, signal) =>
      InferenceWorker.start(
        {
          ...command,
          env: { ...command.env, ...device.env },
          python: config.enginePython,
          id,
          device: device.torchDevice,
          sharesDevice: pool.statuses().filter((other) => other.device === device.id).length > 1,
          msstRoot: config.msstRoot,
          signal,
        },
        log,
        timeouts,
      ),
    onIdle: () => {
      scheduler.wake();
    },
    timeouts,
    clock,
    log,
  });
  const onModelUnavailable = (modelType: string, reason: string) => {
    catalog.markUnavailable(modelType, reason);
  };
  const devicePeaks = createDevicePeakStore(database.orm, database.write);
  const peaks = createMeasuredPeaks({
    stored: await devicePeaks.all(),
    store: devicePeaks,
    versionOf: (modelType) => catalog.named(modelType)?.version,
    log,
  });
  const deviceAdmission = createDeviceAdmission({ workers: () => pool.ready(), peaks });
  const residency = createModelResidency({
    pool,
    preload: choosePreloads(config.preloadModels, catalog, log),
    idleUnloadMs: config.modelIdleUnloadSeconds * 1000,
    describeModel: (name) => describeModel(catalog, name)?.params,
    onModelUnavailable,
    claimDevice: (worker) => deviceAdmission.claimForLoad(worker),
    log,
  });
  const version = await readVersion(config.projectRoot);
  const workers = () =>
    pool.statuses().map(({ id, device, state, restarts }) => ({ id, device, state, restarts }));
  const uptimeSeconds = () => (clock.monotonic() - startedAt) / 1000;
  const metrics = createMetrics({
    countByStatus: () => queue.countByStatus(),
    totals: () => queue.totals(),
    workers,
    uptimeSeconds,
    version,
  });
  const memoryBytes = hostMemoryBytes(os.totalmem(), process.constrainedMemory());
  const usableMemoryBytes = usableBytes(memoryBytes);
  const scheduler = createScheduler({
    memory: createMemoryAdmission({
      usableBytes: usableMemoryBytes,
      estimate: (task) => taskBytes(task, catalog.named(task.modelType)),
      clock,
    }),
    devices: deviceAdmission,
    peaks,
    preparation: createPreparation({
      queue,
      files,
      describeModel: (modelType) => describeModel(catalog, modelType),
      log,
    }),
    queue,
    files,
    media,
    progress,
    running,
    pool,
    throughput: createThroughputEstimates(await queue.recentThroughputs()),
    lookAtModel: (modelType) => lookAtModel(catalog, modelType),
    onModelUnavailable,
    residency,
    countOomKills,
    usableMemoryBytes,
    maxAttempts: config.taskMaxAttempts,
    timeouts,
    clock,
    log,
  });
  events.subscribe(metrics.recordEvent);
  events.subscribe(({ type }) => {
    // Not for one that is requeued: its old attempt still holds its memory, so that a younger task would pass it.
    if (type === 'task.queued') scheduler.wake();
  });
  const tasks = createTaskService({
    queue,
    files,
    progress,
    running,
    probe: (file, caller) => probeMixture(media, file, caller),
    limits: {
      maxFileSizeBytes: config.maxFileSizeBytes,
      maxAudioSeconds: config.maxAudioSeconds,
      maxQueueSize: config.maxQueueSize,
      hostMemoryBytes: memoryBytes,
      reserveDiskBytes: config.reserveDiskBytes,
    },
    log,
  });

  const retention = {
    completedMs: config.cleanupRetentionHours * HOUR_MS,
    failedMs: config.failedRetentionHours * HOUR_MS,
    metadataMs: config.metadataRetentionHours * HOUR_MS,
  };
  const cleanup = createCleanup(
    {
      queue,
      files,
      running,
      isOpenUpload: (inputId) => tasks.isOpenUpload(inputId),
      retention,
      clock,
      log,
    },
    cleanupInterval(retention),
  );

  const access = createAccess({
    apiKeys: config.enableAuth ? config.apiKeys : null,
    requestsPerHour: config.enableRateLimit ? config.requestsPerHour : null,
    trustProxy: config.trustProxy,
    clock,
  });
  let isShuttingDown = false;
  const app = createApp(
    {
      tasks,
      catalog,
      readStem: (key, range) => files.read(key, range),
      stemSize: (key) => files.size(key),
      resultsKeptMs: retention.completedMs,
      clock,
      cursors: createPageCursors(keptKey(path.join(config.dataDir, 'cursor.key'), log)),
      metrics,
      health: () =>
        reportHealth({
          isDatabaseReachable: () => database.isReachable(),
          lacksRoom: () => database.lacksRoom(),
          freeDiskBytes: () => files.freeBytes(),
          canOpenFiles,
          minFreeDiskBytes: config.minFreeDiskBytes,
          catalog,
          workers,
          canReadAudio: () => media.isAlive(),
          quarantined: () => pool.statuses().filter((worker) => worker.isQuarantined),
          quarantinedGpus: () =>
            pool.statuses().flatMap((worker) => (worker.isGpuQuarantined ? [worker.device] : [])),
          isShuttingDown: () => isShuttingDown,
          version,
          uptimeSeconds,
        }),
      publicUrl: config.publicUrl ?? '',
    },
    {
      corsOrigins: config.corsOrigins,
      access,
      version,
      log,
    },
  );

  media.start();
  void devices.then((found) => {
    pool.start(chooseWorkers(found, config.workerThreads, log));
  });
  scheduler.start();
  cleanup.start();
  const closeStores = () => {
    database.close();
    unlock();
  };
  const server = await listen(app, {
    host: config.host,
    port: config.port,
    connections: await connectionBounds(config.trustProxy),
    rateHeaders: access.rateHeaders,
    log,
    timeouts: clientTimeouts,
  }).catch(async (error: unknown) => {
    await Promise.all([scheduler.stop(0), media.stop(), cleanup.stop(), ballast.stop()]);
    closeStores();
    throw error;
  });

  return {
    url: server.url,
    async stop(graceMs) {
      isShuttingDown = true;
      tasks.close();
      await scheduler.stop(graceMs);
      await media.stop();
      await cleanup.stop();
      await ballast.stop();
      await server.close(Math.min(graceMs, HTTP_GRACE_MS));
      closeStores();
    },
  };
}

async function canOpenFiles(): Promise<boolean> {
  try {
    await (await open(os.devNull)).close();
    return true;
  } catch {
    return false;
  }
}

async function readVersion(projectRoot: string): Promise<string> {
  const manifest = JSON.parse(await readFile(path.join(projectRoot, 'package.json'), 'utf8')) as {
    version: string;
  };
  return manifest.version;
}
