/** The composition root: every part is built here, once, and handed what it needs. */
import os from 'node:os';
import { systemClock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { CLIENT_TIMEOUTS, type ClientTimeouts } from '../http/server.ts';
import type { Log } from '../log/log.ts';
import { createProgressBoard } from '../tasks/progress.ts';
import { hostMemoryBytes } from '../tasks/resources/memoryEstimate.ts';
import { TIMEOUTS, type Timeouts } from '../workers/health/timeouts.ts';
import { createApi } from './api.ts';
import { takeDataDirectory } from './dataDirectory.ts';
import { createModels } from './models.ts';
import { createProcesses, lookForDevices } from './processes.ts';
import { createScheduling } from './scheduling.ts';
import { createService } from './service.ts';
import { openStorage } from './storage.ts';

/** A running server. */
export interface RunningServer {
  url: string;
  /** Takes nothing new, lets what runs go on for so long, then stops every part. */
  stop(graceMs: number): Promise<void>;
}

/** Open requests get this long, or less where less grace is given, to end once everything behind them has stopped. */
const HTTP_GRACE_MS = 2_000;

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
  let isShuttingDown = false;

  const base = { config, log, clock };
  const dataDirectory = await takeDataDirectory(base);
  const devices = lookForDevices(config, log);
  const storage = await openStorage(base, dataDirectory);
  const memoryBytes = hostMemoryBytes(os.totalmem(), process.constrainedMemory());
  const processes = createProcesses({
    ...base,
    memoryBytes,
    timeouts,
    onIdle: () => {
      scheduler.wake();
    },
  });
  const catalog = await createModels({
    ...base,
    onOtherArchitectures: () => {
      processes.pool.renew('the architectures of MSST have changed');
    },
  });
  const parts = { ...base, storage, processes, catalog, progress: createProgressBoard(clock), memoryBytes };
  const { scheduler, staging } = await createScheduling({ ...parts, timeouts });
  const service = createService({ ...parts, staging });
  const api = await createApi({ ...parts, service, startedAt, isShuttingDown: () => isShuttingDown });

  processes.start(devices);
  scheduler.start();
  service.cleanup.start();
  const server = await api.listen(clientTimeouts).catch(async (error: unknown) => {
    await Promise.all([scheduler.stop(0), processes.media.stop(), service.cleanup.stop(), storage.stop()]);
    storage.close();
    throw error;
  });

  return {
    url: server.url,
    async stop(graceMs) {
      isShuttingDown = true;
      service.tasks.close();
      await scheduler.stop(graceMs);
      await processes.media.stop();
      await service.cleanup.stop();
      await storage.stop();
      await server.close(Math.min(graceMs, HTTP_GRACE_MS));
      storage.close();
    },
  };
}
