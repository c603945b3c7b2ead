import type { Config } from '../config/config.ts';
import type { Log } from '../log/log.ts';
import type { Timeouts } from '../workers/health/timeouts.ts';
import { chooseWorkers, findDevices } from '../workers/inference/devices.ts';
import { InferenceWorker } from '../workers/inference/inferenceWorker.ts';
import { askTorchForGpus } from '../workers/inference/torchGpus.ts';
import { createWorkerPool, type WorkerPool } from '../workers/inference/workerPool.ts';
import { createMediaPool, type MediaPool } from '../workers/media/mediaPool.ts';
import type { Parts } from './parts.ts';

/** The Python processes. */
export interface Processes {
  media: MediaPool;
  pool: WorkerPool;
  /** The workers as clients see them. */
  workers: () => Pick<ReturnType<WorkerPool['statuses']>[number], 'id' | 'device' | 'state' | 'restarts'>[];
  /** Starts the media children now, and the workers as soon as the devices are known. */
  start(devices: ReturnType<typeof lookForDevices>): void;
}

/** How a child of this server is started, but for its interpreter. */
export const commandOf = (config: Config) => ({ projectRoot: config.projectRoot, env: config.childEnv });

/** Looks for GPUs. This takes longest of all a start does, so it begins first and nothing that answers requests awaits it. */
export const lookForDevices = (config: Config, log: Log) =>
  findDevices(config.devices, config.childEnv, log, () =>
    askTorchForGpus({ ...commandOf(config), python: config.enginePython }, log),
  );

/** Builds the pools of processes; none is started yet. */
export function createProcesses(
  parts: Parts & {
    timeouts: Timeouts;
    /** Memory of the host, in bytes. */
    memoryBytes: number;
    /** A worker has become idle. */
    onIdle: () => void;
  },
): Processes {
  const { config, log, clock, timeouts, onIdle } = parts;
  const command = commandOf(config);
  const media = createMediaPool({ ...command, python: config.mediaPython }, log, {
    memoryBytes: parts.memoryBytes,
  });
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
    onIdle,
    timeouts,
    clock,
    log,
  });
  return {
    media,
    pool,
    workers: () =>
      pool.statuses().map(({ id, device, state, restarts }) => ({ id, device, state, restarts })),
    start(devices) {
      media.start();
      void devices.then((found) => {
        pool.start(chooseWorkers(found, config.workerThreads, log));
      });
    },
  };
}
