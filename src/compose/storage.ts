import path from 'node:path';
import type { BlobStore } from '../blobs/blobStore.ts';
import { createLocalBlobs } from '../blobs/local/localBlobs.ts';
import { createLocalWorkspace } from '../blobs/local/localWorkspace.ts';
import type { Workspace } from '../blobs/workspace.ts';
import type { DevicePeakStore } from '../queue/devicePeakStore.ts';
import { openDatabase, type Database } from '../queue/sqlite/database.ts';
import { createDevicePeakStore } from '../queue/sqlite/devicePeaks.ts';
import { createSqliteTaskQueue } from '../queue/sqlite/sqliteTaskQueue.ts';
import type { TaskQueue } from '../queue/taskQueue.ts';
import { recover } from '../retention/recovery.ts';
import { createRunningAttempts, type RunningAttempts } from '../tasks/runningAttempts.ts';
import { createTaskEvents } from '../tasks/taskEvents.ts';
import { createTaskLog } from '../tasks/taskLog.ts';
import type { DataDirectory } from './dataDirectory.ts';
import type { Parts } from './parts.ts';

/** The durable state: the queue with its events, the files, and what else the database keeps. */
export interface Storage {
  blobs: BlobStore;
  workspace: Workspace;
  queue: TaskQueue;
  events: ReturnType<typeof createTaskEvents>;
  running: RunningAttempts;
  devicePeaks: DevicePeakStore;
  database: Database;
  /** Closes the database and unlocks the data directory. */
  close(): void;
  /** Waits for the reserve for deletions to be left alone. */
  stop(): Promise<void>;
}

/**
 * Opens the database and finishes what the last server left.
 *
 * @throws {DataDirUnusable} when a newer server has used it
 */
export async function openStorage(parts: Parts, { ballast, unlock }: DataDirectory): Promise<Storage> {
  const { config, log, clock } = parts;
  const database = openDatabase(
    path.join(config.dataDir, 'tasks.db'),
    path.join(config.projectRoot, 'drizzle'),
    () => ballast.release(),
  );
  const running = createRunningAttempts();
  const events = createTaskEvents(log);
  events.subscribe(createTaskLog(log, running));
  const queue = createSqliteTaskQueue(database, clock, events);
  const blobs = createLocalBlobs(config.dataDir);
  const workspace = createLocalWorkspace(config.dataDir);
  await recover({ queue, blobs, workspace, log });
  void ballast.renew();
  return {
    blobs,
    workspace,
    queue,
    events,
    running,
    devicePeaks: createDevicePeakStore(database.orm, database.write),
    database,
    close() {
      database.close();
      unlock();
    },
    stop: () => ballast.stop(),
  };
}
