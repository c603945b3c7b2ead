import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { createCircuit, type Circuit } from './circuit.ts';
import type { Device } from './devices.ts';
import { createGpuQuarantine } from './gpuQuarantine.ts';
import type { InferenceWorker } from './inferenceWorker.ts';
import type { Timeouts } from './timeouts.ts';
import { BROKEN_DEVICE_EXIT_CODE } from './protocol.ts';

export type WorkerState = 'starting' | 'idle' | 'busy' | 'down';

/** What is known about the place of one worker, for the health report. */
export interface WorkerStatus {
  id: string;
  device: string;
  deviceName: string | null;
  state: WorkerState;
  pid: number | null;
  restarts: number;
  lastError: string | null;
  /** It died so often that it is left alone for minutes between two tries. */
  isQuarantined: boolean;
  /** Its GPU failed workers in a row, and is left alone likewise, with all its workers. */
  isGpuQuarantined: boolean;
}

/** A worker lent to one attempt, or to the care for its models. */
export interface Lease {
  worker: InferenceWorker;
  device: string;
  /** How long it had nothing to do when it was lent: since its last use, or since it was ready. */
  idleMs: number;
  /**
   * Gives the worker back. `worked`: it did its part, so its next death counts as the first of a row.
   * `maintained`: its models were looked after, which says nothing of how it works.
   * `unused`: there was nothing to do, so it counts as idle all the while, and nobody is told that it is free again.
   */
  release(how: 'worked' | 'failed' | 'maintained' | 'unused'): void;
}

/** A worker that is ready, for whoever has to choose one. */
export interface ReadyWorker<Worker = InferenceWorker> {
  worker: Worker;
  device: string;
  isIdle: boolean;
}

/** The workers, each bound to its device; each is started again when it dies. */
export interface WorkerPool {
  /** One worker on each of these; until then there is none. Nothing starts any more once the pool was stopped. */
  start(devices: readonly Device[]): void;
  /** Those that live and are not left alone with their GPU. */
  ready(): ReadyWorker[];
  /** Replaces idle workers that are worn or outdated, and never one that works. */
  replaceWorn(): void;
  /** This idle worker, or any; it is busy from then on. Undefined when there is none. */
  lease(which?: InferenceWorker): Lease | undefined;
  /** Replaces every worker that there is now, and that is being started, as soon as it is idle. */
  renew(reason: string): void;
  statuses(): WorkerStatus[];
  stop(): Promise<void>;
}

interface Slot extends Omit<WorkerStatus, 'isQuarantined' | 'isGpuQuarantined'> {
  deviceSpec: Device;
  worker: InferenceWorker | undefined;
  circuit: Circuit;
  /** Open while its worker is lent, also when that one has died meanwhile. */
  lent: Promise<void>;
  /** It is being replaced although it lives. */
  isRetired: boolean;
  /** Why it is to be replaced, whatever it says itself. */
  outdated: string | undefined;
  /** By the clock that never jumps. */
  idleSince: number;
}

/**
 * Builds the pool.
 *
 * @param startWorker starts the process of a slot; its rejection counts as a death. The signal ends a start that nobody waits for any more
 * @param onIdle is called whenever a worker became free
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
  // A function, because the compiler believes a property that it has just seen false.
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
    lent: Promise.resolve(),
    isRetired: false,
    outdated: undefined,
    idleSince: 0,
  });

  const keepAlive = async (slot: Slot): Promise<void> => {
    while (!isStopping()) {
      const startedAt = clock.monotonic();
      const end = await live(slot);
      slot.restarts += 1;
      slot.isRetired = false;
      if (end === 'asked') continue;
      slot.circuit.died(clock.monotonic() - startedAt);
      const delayMs = Math.max(slot.circuit.delayMs(), quarantine.restMs(slot.device));
      if (slot.circuit.isOpen && !isStopping()) {
        log.error({ workerId: slot.id, device: slot.device, delayMs }, 'a worker dies again and again');
      }
      await sleep(delayMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };

  /**
   * One life of a slot's process, from its start to its exit.
   *
   * @returns `asked`: it was ended because a cancelled task would not stop, which says nothing against it
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
    // Until the task of the one before it is back in its place, a younger one would go before it.
    await slot.lent;
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
    if (isStopping() || slot.isRetired) return 'asked';
    slot.lastError = `it ended (${exit.signal ?? `exit code ${String(exit.exitCode)}`})`;
    log.error({ workerId: slot.id, device: slot.device, ...exit }, 'a worker died');
    if (exit.exitCode === BROKEN_DEVICE_EXIT_CODE) deviceFailed(slot);
    return worker.wasCancelled ? 'asked' : 'died';
  };

  const deviceFailed = ({ device }: Slot): void => {
    const wasQuarantined = quarantine.has(device);
    quarantine.failed(device);
    if (wasQuarantined || !quarantine.has(device)) return;
    log.error({ device, restMs: quarantine.restMs(device) }, 'a GPU failed its workers, and is left alone');
  };

  /** Of a GPU in quarantine nobody is lent for a while; then one, to try it. */
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
      slot.isRetired = true;
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
      let settle: () => void = () => undefined;
      slot.lent = new Promise((resolve) => (settle = resolve));
      return {
        worker,
        device: slot.device,
        idleMs: clock.monotonic() - slot.idleSince,
        release(how) {
          settle();
          if (how === 'worked') {
            slot.circuit.worked();
            quarantine.worked(slot.device);
          }
          // A worker that died meanwhile is not idle; its slot looks after that.
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
      // A busy worker would hear a polite request only after its task.
      for (const slot of slots) if (slot.state === 'busy') slot.worker?.kill();
      await Promise.all(slots.map(async (slot) => slot.worker?.stop()));
      await Promise.all(loops);
    },
  };
}
