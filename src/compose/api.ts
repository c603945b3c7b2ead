import { open, readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { keptKey } from '../dataDir/keptKey.ts';
import { createApp } from '../http/app.ts';
import { connectionBounds } from '../http/connections/connections.ts';
import { createAccess } from '../http/middleware/access.ts';
import { reportHealth } from '../http/reports/health.ts';
import { createMetrics } from '../http/reports/metrics.ts';
import { createPageCursors } from '../http/routes/pageCursor.ts';
import { listen, type ClientTimeouts } from '../http/server.ts';
import type { ModelCatalog } from '../models/catalog/modelCatalog.ts';
import type { Parts } from './parts.ts';
import type { Processes } from './processes.ts';
import type { Service } from './service.ts';
import type { Storage } from './storage.ts';

/** The HTTP side of the server. */
export interface Api {
  /** Begins to listen. @throws what listening throws */
  listen(timeouts: ClientTimeouts): ReturnType<typeof listen>;
}

/** Builds the HTTP side and subscribes its metrics to the events of tasks. */
export async function createApi(
  parts: Parts & {
    storage: Storage;
    processes: Processes;
    catalog: ModelCatalog;
    service: Service;
    /** When the server started, on the clock's monotonic scale (milliseconds). */
    startedAt: number;
    isShuttingDown: () => boolean;
  },
): Promise<Api> {
  const { config, log, clock, catalog, startedAt, isShuttingDown } = parts;
  const { queue, blobs, workspace, database, events } = parts.storage;
  const { media, pool, workers } = parts.processes;
  const { tasks, uploads, resultsKeptMs } = parts.service;
  const version = await readVersion(config.projectRoot);
  const uptimeSeconds = () => (clock.monotonic() - startedAt) / 1000;
  const metrics = createMetrics({
    countByStatus: () => queue.countByStatus(),
    totals: () => queue.totals(),
    workers,
    uptimeSeconds,
    version,
  });
  events.subscribe(metrics.recordEvent);
  const access = createAccess({
    apiKeys: config.enableAuth ? config.apiKeys : null,
    requestsPerHour: config.enableRateLimit ? config.requestsPerHour : null,
    trustProxy: config.trustProxy,
    clock,
  });
  const app = createApp(
    {
      tasks,
      uploads,
      catalog,
      readStem: (key, range) => blobs.read(key, range),
      stemSize: (key) => blobs.size(key),
      resultsKeptMs,
      clock,
      cursors: createPageCursors(keptKey(path.join(config.dataDir, 'cursor.key'), log)),
      metrics,
      health: () =>
        reportHealth({
          isDatabaseReachable: () => database.isReachable(),
          lacksRoom: () => database.lacksRoom(),
          freeDiskBytes: () => workspace.freeBytes(),
          canOpenFiles,
          minFreeDiskBytes: config.minFreeDiskBytes,
          catalog,
          workers,
          canReadAudio: () => media.isAlive(),
          quarantined: () => pool.statuses().filter((worker) => worker.isQuarantined),
          quarantinedGpus: () =>
            pool.statuses().flatMap((worker) => (worker.isGpuQuarantined ? [worker.device] : [])),
          isShuttingDown,
          version,
          uptimeSeconds,
        }),
      publicUrl: config.publicUrl ?? '',
    },
    { corsOrigins: config.corsOrigins, access, version, log },
  );
  return {
    listen: async (timeouts) =>
      listen(app, {
        host: config.host,
        port: config.port,
        connections: await connectionBounds(config.trustProxy),
        rateHeaders: access.rateHeaders,
        log,
        timeouts,
      }),
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
