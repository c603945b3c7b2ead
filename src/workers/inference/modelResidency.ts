import type { Log } from '../../log/log.ts';
import { ChildDied, ChildFailure } from '../process/childErrors.ts';
import type { InferenceWorker } from './inferenceWorker.ts';
import type { ModelParams } from '../../contract/protocol.ts';

/** A model is not preloaded again after this many worker deaths during its preload. */
const MAX_DEATHS = 2;

/** The part of a worker that manages its models. */
export type ModelHolder = Pick<InferenceWorker, 'id' | 'mayHoldModels' | 'load' | 'unload'>;

/** A lease of an idle worker for loading or unloading its models. */
export interface MaintenanceLease<Worker extends ModelHolder = ModelHolder> {
  worker: Worker;
  /** How long the worker has been idle. */
  idleMs: number;
  release(how: 'maintained' | 'unused'): void;
}

/** Manages the models of idle workers: preloads some, and unloads all after a long idle time. */
export interface ModelResidency {
  /** Call repeatedly while no task can start. Idle workers may become busy for a moment. */
  maintain(): void;
}

/**
 * Creates the model residency manager.
 *
 * @param parts.preload names of models that each worker loads, one after the other, once in its lifetime
 * @param parts.idleUnloadMs how long a worker may be idle before its models are unloaded; 0: forever
 * @param parts.describeModel returns undefined when the model is currently unavailable
 * @param parts.claimDevice claims a GPU exclusively for a load, whose memory use is unknown; returns a function
 *   that ends the claim, or undefined while anything else runs there
 * @param parts.onModelUnavailable called when a worker could not load a model; `reason` may be shown to clients
 */
export function createModelResidency<Worker extends ModelHolder>(parts: {
  pool: { lease(): MaintenanceLease<Worker> | undefined };
  preload: readonly string[];
  idleUnloadMs: number;
  describeModel: (name: string) => ModelParams | undefined;
  onModelUnavailable: (name: string, reason: string) => void;
  claimDevice?: (worker: Worker) => (() => void) | undefined;
  log: Log;
}): ModelResidency {
  const { pool, log, claimDevice = () => () => undefined } = parts;
  /** The models each worker still has to preload. A restarted worker is a new object with a new list. */
  const queues = new WeakMap<ModelHolder, string[]>();
  const deaths = new Map<string, number>();

  const nextPreload = (worker: ModelHolder): ModelParams | undefined => {
    const queue = queues.get(worker) ?? [...parts.preload];
    queues.set(worker, queue);
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      // Unavailable models have already been logged.
      const model = (deaths.get(name) ?? 0) < MAX_DEATHS ? parts.describeModel(name) : undefined;
      if (model) return model;
    }
    return undefined;
  };

  const preload = async ({ worker }: MaintenanceLease, model: ModelParams): Promise<void> => {
    const where = { workerId: worker.id, model: model.name };
    log.info(where, 'preloading a model');
    try {
      const { seconds, model_loads: modelLoads, resident } = await worker.load(model);
      deaths.delete(model.name);
      log.info({ ...where, seconds, modelLoads, resident }, 'model loaded');
    } catch (error) {
      // The pool logs the cause of death, unless the server is stopping.
      if (error instanceof ChildDied) countDeath(model.name);
      else refuse(where, error);
    }
  };

  const refuse = (where: { workerId: string; model: string }, error: unknown): void => {
    const traceback = error instanceof ChildFailure ? error.traceback : null;
    log.error({ ...where, err: error, traceback }, 'a model could not be preloaded');
    if (error instanceof ChildFailure && error.kind === 'MODEL_UNAVAILABLE') {
      parts.onModelUnavailable(where.model, error.message);
    }
  };

  const countDeath = (model: string): void => {
    const count = (deaths.get(model) ?? 0) + 1;
    deaths.set(model, count);
    if (count === MAX_DEATHS) log.error({ model, deaths: count }, 'a model will no longer be preloaded');
  };

  const unload = async ({ worker, idleMs }: MaintenanceLease): Promise<void> => {
    const where = { workerId: worker.id, idleSeconds: idleMs / 1000 };
    try {
      const { unloaded: models, freed_bytes: freedBytes } = await worker.unload();
      log.info({ ...where, models, freedBytes }, 'models unloaded');
    } catch (error) {
      log.error({ ...where, err: error }, 'models could not be unloaded');
    }
  };

  /** Starts the maintenance that this idle worker needs now, if any. */
  const careFor = (lease: MaintenanceLease<Worker>): Promise<void> | undefined => {
    const endClaim = claimDevice(lease.worker);
    const model = endClaim && nextPreload(lease.worker);
    if (model) return preload(lease, model).finally(endClaim);
    endClaim?.();
    const isRested = parts.idleUnloadMs > 0 && lease.idleMs >= parts.idleUnloadMs;
    return isRested && lease.worker.mayHoldModels ? unload(lease) : undefined;
  };

  const isCaredFor = (lease: MaintenanceLease<Worker>): boolean => {
    const care = careFor(lease);
    void care?.finally(() => {
      lease.release('maintained');
    });
    return care !== undefined;
  };

  return {
    maintain() {
      // Released only at the end; otherwise the pool would lease the same worker again.
      const unused: MaintenanceLease<Worker>[] = [];
      for (let lease = pool.lease(); lease; lease = pool.lease()) {
        if (!isCaredFor(lease)) unused.push(lease);
      }
      for (const lease of unused) lease.release('unused');
    },
  };
}
