import type { Log } from '../log.ts';
import { ChildDied, ChildFailure } from './childErrors.ts';
import type { InferenceWorker } from './inferenceWorker.ts';
import type { ModelParams } from './protocol.ts';

/** A model during whose preload workers died so often is not preloaded again: it would keep them from working. */
const MAX_DEATHS = 2;

/** A worker, as far as its models go. */
export type ModelHolder = Pick<InferenceWorker, 'id' | 'mayHoldModels' | 'load' | 'unload'>;

/** An idle worker, lent for the care of its models. */
export interface MaintenanceLease<Worker extends ModelHolder = ModelHolder> {
  worker: Worker;
  /** How long it had nothing to do. */
  idleMs: number;
  release(how: 'maintained' | 'unused'): void;
}

/** Decides which models idle workers hold: loads some ahead of any task, and frees all after a long rest. */
export interface ModelResidency {
  /** To be called, again and again, while no task can start: whoever is idle may be busy for a moment. */
  maintain(): void;
}

/**
 * Builds it.
 *
 * @param parts.preload names of models that each worker loads, one after the other, once in its life
 * @param parts.idleUnloadMs how long a worker may be idle before its models are freed; 0: for ever
 * @param parts.describeModel undefined: that model cannot be used now
 * @param parts.claimDevice what a load takes of a GPU nobody knows: undefined while anything else runs there, else its end
 * @param parts.onModelUnavailable a worker could not load this model: `reason` says why, fit for a client
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
  /** What each worker has yet to load; one that was started again has a list of its own. */
  const queues = new WeakMap<ModelHolder, string[]>();
  const deaths = new Map<string, number>();

  const nextPreload = (worker: ModelHolder): ModelParams | undefined => {
    const queue = queues.get(worker) ?? [...parts.preload];
    queues.set(worker, queue);
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      // One that is unavailable has said so in the log already.
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
      // The pool says what it died of, unless the server itself is stopping.
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
    if (count === MAX_DEATHS) log.error({ model, deaths: count }, 'a model is not preloaded any more');
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

  /** What this idle worker shall do now, if anything. */
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
      // Given back only at the end, or the pool would lend the same one again.
      const unused: MaintenanceLease<Worker>[] = [];
      for (let lease = pool.lease(); lease; lease = pool.lease()) {
        if (!isCaredFor(lease)) unused.push(lease);
      }
      for (const lease of unused) lease.release('unused');
    },
  };
}
