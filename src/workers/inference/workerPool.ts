import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log/log.ts';
import { createCircuit, type Circuit } from '../health/circuit.ts';
import type { Device } from './devices.ts';
import { createGpuQuarantine } from '../health/gpuQuarantine.ts';
import type { InferenceWorker } from './inferenceWorker.ts';
import type { Timeouts } from '../health/timeouts.ts';
import { BROKEN_DEVICE_EXIT_CODE } from '../../contract/protocol.ts';

export type WorkerState = 'starting' | 'idle' | 'busy' | 'down';

/** The state of one worker slot, for the health report. */
export interface WorkerStatus {
  id: string;
  device: string;
  deviceName: string | null;
  state: WorkerState;
  pid: number | null;
  restarts: number;
  lastError: string | null;
  /** It died so often that restarts are minutes apart. */
  isQuarantined: boolean;
  /** Its GPU failed several workers in a row, so no worker on it gets tasks for a while. */
  isGpuQuarantined: boolean;
}

/** Exclusive use of one worker: for an attempt, or for maintaining its models. */
export interface Lease {
  worker: InferenceWorker;
  device: string;
  /** How long it had been idle when it was leased. */
  idleMs: number;
  /**
   * Returns the worker to the pool. `worked`: it did its job, so its row of deaths is reset. `maintained`: its models
   * were loaded or unloaded, which says nothing about its health. `unused`: nothing was done; its idle time goes on and
   * `onIdle` is not called.
   */
  release(how: 'worked' | 'failed' | 'maintained' | 'unused'): void;
}

/** A worker that has started, as seen by whoever chooses one. */
export interface ReadyWorker<Worker = InferenceWorker> {
  worker: Worker;
  device: string;
  isIdle: boolean;
}

/** The workers, each bound to a device and restarted when it dies. */
export interface WorkerPool {
  /** Starts one worker per entry. Does nothing once the pool was stopped. */
  start(devices: readonly Device[]): void;
  /** Workers that have started and whose GPU is not in quarantine. */
  ready(): ReadyWorker[];
  /** Restarts idle workers that their recycle policy or `renew` wants replaced; busy ones keep working. */
  replaceWorn(): void;
  /** Leases the given idle worker, or any; undefined when there is none. */
  lease(which?: InferenceWorker): Lease | undefined;
  /** Restarts every current worker, including those still starting, as soon as it is idle. */
  renew(reason: string): void;
  statuses(): WorkerStatus[];
  stop(): Promise<void>;
}

interface Slot extends Omit<WorkerStatus, 'isQuarantined' | 'isGpuQuarantined'> {
  deviceSpec: Device;
  worker: InferenceWorker | undefined;
  circuit: Circuit;
  /** Resolves when the lease is released, even if the worker died. */
  leased: Promise<void>;
  /** It was stopped to be replaced; its exit is not a crash. */
  isReplaced: boolean;
  /** Why `renew` wants it replaced. */
  outdated: string | undefined;
  /** Monotonic milliseconds. */
  idleSince: number;
}

/**
 * Builds the pool.
 *
 * @param startWorker starts the process of a slot; a rejection counts as a death. The signal aborts a start when the pool stops
 * @param onIdle called whenever a worker becomes idle
 */
export function createWorkerPool(parts: {
  startWorker: (id: string, device: Device, signal: AbortSignal) => Promise<InferenceWorker>;
  onIdle: () => void;
  timeouts: Pick<Timeouts, 'quarantineMs'>;
  clock: Clock;
  log: Log;
}): WorkerPool {
  const { clock, log } = parts;
  const stopping = new AbortController();
  let slots: Slot[] = [];
  let quarantine = createGpuQuarantine([], clock, parts.timeouts.quarantineMs);
  let loops: Promise<void>[] = [];
  // A function: TypeScript would narrow a property it has just checked.
  const isStopping = () => stopping.signal.aborted;

  const newSlot = (device: Device, index: number): Slot => ({
    id: `worker-${String(index)}`,
    device: device.id,
    deviceName: null,
    deviceSpec: device,
    state: 'starting',
    pid: null,
    restarts: 0,
    lastError: null,
    worker: undefined,
    circuit: createCircuit(clock, parts.timeouts.quarantineMs),
    leased: Promise.resolve(),
    isReplaced: false,
    outdated: undefined,
    idleSince: 0,
  });

  const keepAlive = async (slot: Slot): Promise<void> => {
    while (!isStopping()) {
      const startedAt = clock.monotonic();
      const end = await live(slot);
      slot.restarts += 1;
      slot.isReplaced = false;
      if (end === 'asked') continue;
      slot.circuit.died(clock.monotonic() - startedAt);
      const delayMs = Math.max(slot.circuit.delayMs(), quarantine.restMs(slot.device));
      if (slot.circuit.isOpen && !isStopping()) {
        log.error({ workerId: slot.id, device: slot.device, delayMs }, 'a worker keeps dying');
      }
      await sleep(delayMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };

  /**
   * One life of a slot's process, from its start to its exit.
   *
   * @returns `asked`: we ended it (shutdown, replacement, a cancel it ignored), so it does not count as a crash
   */
  const live = async (slot: Slot): Promise<'asked' | 'died'> => {
    slot.state = 'starting';
    slot.outdated = undefined;
    try {
      slot.worker = await parts.startWorker(slot.id, slot.deviceSpec, stopping.signal);
    } catch (error) {
      slot.state = 'down';
      if (isStopping()) return 'asked';
      slot.lastError = (error as Error).message;
      log.error({ workerId: slot.id, device: slot.device, err: error }, 'a worker could not start');
      return 'died';
    }
    const { worker } = slot;
    slot.pid = worker.pid;
    slot.deviceName = worker.ready.device.name;
    // The previous worker's task must be requeued first, or a younger task would overtake it.
    await slot.leased;
    slot.state = 'idle';
    slot.idleSince = clock.monotonic();
    slot.lastError = null;
    log.info({ workerId: slot.id, ...worker.ready }, 'a worker is ready');
    if (isStopping()) await worker.stop();
    else parts.onIdle();
    const exit = await worker.exited;
    slot.worker = undefined;
    slot.pid = null;
    slot.state = 'down';
    if (isStopping() || slot.isReplaced) return 'asked';
    slot.lastError = `it ended (${exit.signal ?? `exit code ${String(exit.exitCode)}`})`;
    log.error({ workerId: slot.id, device: slot.device, ...exit }, 'a worker died');
    if (exit.exitCode === BROKEN_DEVICE_EXIT_CODE) deviceFailed(slot);
    return worker.wasCancelled ? 'asked' : 'died';
  };

  const deviceFailed = ({ device }: Slot): void => {
    const wasQuarantined = quarantine.has(device);
    quarantine.failed(device);
    if (wasQuarantined || !quarantine.has(device)) return;
    log.error(
      { device, restMs: quarantine.restMs(device) },
      'a GPU failed several workers in a row and is quarantined',
    );
  };

  /** A quarantined GPU gets no task until its rest is over, then one at a time as a trial. */
  const mayBeLent = (slot: Slot): boolean =>
    slot.state === 'idle' &&
    (!quarantine.has(slot.device) ||
      (quarantine.restMs(slot.device) === 0 &&
        !slots.some(({ device, state }) => device === slot.device && state === 'busy')));

  const replaceWorn = (): void => {
    for (const slot of slots) {
      const { worker } = slot;
      const reason = worker?.recyclePolicy.reason ?? slot.outdated;
      if (slot.state !== 'idle' || !worker || reason === undefined) continue;
      slot.state = 'starting';
      slot.isReplaced = true;
      log.info({ workerId: slot.id, device: slot.device, reason }, 'a worker is replaced');
      void worker.stop();
    }
  };

  return {
    start(devices) {
      if (isStopping()) return;
      const gpus = devices.filter(({ torchDevice }) => torchDevice === 'cuda:0').map(({ id }) => id);
      quarantine = createGpuQuarantine(gpus, clock, parts.timeouts.quarantineMs);
      slots = devices.map(newSlot);
      loops = slots.map(keepAlive);
    },
    replaceWorn,
    ready() {
      return slots.flatMap((slot) => {
        const { worker, device, state } = slot;
        return worker && (state === 'busy' || mayBeLent(slot))
          ? [{ worker, device, isIdle: state === 'idle' }]
          : [];
      });
    },
    lease(which) {
      const slot = slots.find((candidate) => mayBeLent(candidate) && (!which || candidate.worker === which));
      const worker = slot?.worker;
      if (!slot || !worker) return undefined;
      slot.state = 'busy';
      let endLease: () => void = () => undefined;
      slot.leased = new Promise((resolve) => (endLease = resolve));
      return {
        worker,
        device: slot.device,
        idleMs: clock.monotonic() - slot.idleSince,
        release(how) {
          endLease();
          if (how === 'worked') {
            slot.circuit.worked();
            quarantine.worked(slot.device);
          }
          // If the worker died meanwhile, `keepAlive` is already restarting the slot.
          if (slot.worker !== worker || slot.state !== 'busy') return;
          slot.state = 'idle';
          if (how === 'unused') return;
          slot.idleSince = clock.monotonic();
          parts.onIdle();
        },
      };
    },
    renew(reason) {
      for (const slot of slots) slot.outdated = reason;
      replaceWorn();
    },
    statuses: () =>
      slots.map(({ id, device, deviceName, state, pid, restarts, lastError, circuit }) => ({
        id,
        device,
        deviceName,
        state,
        pid,
        restarts,
        lastError,
        isQuarantined: circuit.isOpen && state === 'down',
        isGpuQuarantined: quarantine.has(device),
      })),
    async stop() {
      stopping.abort();
      // A busy worker would read a stop request only after its task.
      for (const slot of slots) if (slot.state === 'busy') slot.worker?.kill();
      await Promise.all(slots.map(async (slot) => slot.worker?.stop()));
      await Promise.all(loops);
    },
  };
}
