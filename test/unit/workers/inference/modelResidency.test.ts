import { beforeEach, describe, expect, test } from 'vitest';
import { createLog } from '../../../../src/log/log.ts';
import { ChildDied, ChildFailure } from '../../../../src/workers/process/childErrors.ts';
import {
  createModelResidency,
  type ModelHolder,
  type MaintenanceLease,
} from '../../../../src/workers/inference/modelResidency.ts';
import type { LoadResult, ModelParams } from '../../../../src/contract/protocol.ts';
import { ManualClock } from '../../../support/manualClock.ts';

const params = (name: string): ModelParams => ({
  name,
  architecture: 'mdx23c',
  config_path: '/c',
  checkpoint_path: '/p',
  trust_pickle: false,
  lora_checkpoint_peft: null,
  lora_checkpoint_loralib: null,
  precision: 'fp32',
  compile: false,
  msst_arguments: [],
});

/** A worker whose loads end when the test says so. */
class FakeWorker implements ModelHolder {
  readonly id = 'worker-0';
  readonly resident: string[] = [];
  readonly asked: string[] = [];
  #open: { resolve: (result: LoadResult) => void; reject: (error: Error) => void; name: string } | undefined;

  get mayHoldModels(): boolean {
    return this.resident.length > 0;
  }

  load(model: ModelParams): Promise<LoadResult> {
    this.asked.push(model.name);
    return new Promise((resolve, reject) => {
      this.#open = { resolve, reject, name: model.name };
    });
  }

  async unload() {
    this.asked.push('unload');
    return Promise.resolve({ unloaded: this.resident.splice(0), freed_bytes: 1 });
  }

  async finish(error?: Error): Promise<void> {
    const open = this.#open;
    if (!open) throw new Error('nothing is being loaded');
    if (error) open.reject(error);
    else {
      this.resident.push(open.name);
      open.resolve({ seconds: 1, model_loads: 1, resident: [...this.resident] });
    }
    await settled();
  }
}

/** Everything that the last step set in motion has happened. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

let clock: ManualClock;
let idle: { worker: FakeWorker; since: number }[];
let released: string[];
let unavailable: Map<string, string>;

beforeEach(() => {
  clock = new ManualClock();
  idle = [];
  released = [];
  unavailable = new Map();
});

function addWorker(): FakeWorker {
  const worker = new FakeWorker();
  idle.push({ worker, since: clock.monotonic() });
  return worker;
}

function lease(): MaintenanceLease | undefined {
  const place = idle.shift();
  if (!place) return undefined;
  return {
    worker: place.worker,
    idleMs: clock.monotonic() - place.since,
    release(how) {
      released.push(how);
      idle.push(how === 'unused' ? place : { ...place, since: clock.monotonic() });
    },
  };
}

const residency = (
  preload: string[],
  idleUnloadMs = 0,
  claimDevice?: (worker: ModelHolder) => (() => void) | undefined,
) =>
  createModelResidency({
    ...(claimDevice ? { claimDevice } : {}),
    pool: { lease },
    preload,
    idleUnloadMs,
    describeModel: (name) => (unavailable.has(name) ? undefined : params(name)),
    onModelUnavailable: (name, reason) => unavailable.set(name, reason),
    log: createLog('silent'),
  });

describe('preloading', () => {
  test('loads one model at a time, in order, once in the life of a worker', async () => {
    const models = residency(['a', 'b']);
    const worker = addWorker();
    models.maintain();
    models.maintain();
    expect(worker.asked).toEqual(['a']);
    expect(released).toEqual([]);
    await worker.finish();
    expect(released).toEqual(['maintained']);
    expect(worker.asked).toEqual(['a']);
    models.maintain();
    await worker.finish();
    models.maintain();
    expect(worker.asked).toEqual(['a', 'b']);
    expect(released).toEqual(['maintained', 'maintained', 'unused']);
  });

  test('is done by every idle worker', () => {
    const models = residency(['a']);
    const workers = [addWorker(), addWorker()];
    models.maintain();
    expect(workers.map((worker) => worker.asked)).toEqual([['a'], ['a']]);
  });

  test('waits until nothing else runs on the GPU, whose claim ends with the load', async () => {
    const claims: string[] = [];
    let isFree = false;
    const models = residency(['a'], 0, () => {
      if (!isFree) return undefined;
      claims.push('begin');
      return () => claims.push('end');
    });
    const worker = addWorker();
    models.maintain();
    expect([worker.asked, released]).toEqual([[], ['unused']]);
    isFree = true;
    models.maintain();
    expect([worker.asked, claims]).toEqual([['a'], ['begin']]);
    await worker.finish();
    expect([claims, released]).toEqual([
      ['begin', 'end'],
      ['unused', 'maintained'],
    ]);
    models.maintain();
    expect(claims).toEqual(['begin', 'end', 'begin', 'end']);
  });

  test('goes on with the next model when one cannot be loaded, and says why it cannot be used', async () => {
    const models = residency(['a', 'b', 'c']);
    const worker = addWorker();
    models.maintain();
    await worker.finish(new ChildFailure('MODEL_UNAVAILABLE', 'It is damaged.', null));
    expect(unavailable).toEqual(new Map([['a', 'It is damaged.']]));
    models.maintain();
    await worker.finish(new ChildFailure('OUT_OF_MEMORY', 'Memory ran out.', null));
    expect([...unavailable.keys()]).toEqual(['a']);
    models.maintain();
    await worker.finish();
    expect(worker.resident).toEqual(['c']);
    const second = addWorker();
    models.maintain();
    expect(second.asked).toEqual(['b']);
  });

  test('is done again by a worker that was started again', async () => {
    const models = residency(['a', 'b']);
    const first = addWorker();
    models.maintain();
    await first.finish();
    idle = [];
    const second = addWorker();
    models.maintain();
    expect(second.asked).toEqual(['a']);
  });

  test('leaves out a model during whose load two workers in a row died', async () => {
    const models = residency(['a', 'b']);
    for (let death = 0; death < 2; death += 1) {
      const worker = addWorker();
      models.maintain();
      expect(worker.asked).toEqual(['a']);
      await worker.finish(new ChildDied({ exitCode: null, signal: 'SIGSEGV' }));
      idle = [];
    }
    const third = addWorker();
    models.maintain();
    expect(third.asked).toEqual(['b']);
    expect(unavailable.size).toBe(0);
  });
});

describe('a worker that is idle for long', () => {
  const MINUTE = 60_000;

  test('frees its models once, also those preloaded, and does not load them again by itself', async () => {
    const models = residency(['a'], MINUTE);
    const worker = addWorker();
    models.maintain();
    clock.advance(5 * MINUTE);
    await worker.finish();
    clock.advance(MINUTE - 1);
    models.maintain();
    expect(worker.asked).toEqual(['a']);
    clock.advance(1);
    models.maintain();
    await settled();
    clock.advance(10 * MINUTE);
    models.maintain();
    expect(worker.asked).toEqual(['a', 'unload']);
    expect(worker.resident).toEqual([]);
  });

  test('frees them again after a task has loaded one', async () => {
    const models = residency([], MINUTE);
    const worker = addWorker();
    for (const name of ['a', 'b']) {
      worker.resident.push(name);
      clock.advance(MINUTE);
      models.maintain();
      await settled();
      expect(worker.resident).toEqual([]);
    }
    expect(worker.asked).toEqual(['unload', 'unload']);
  });

  test('keeps them for ever when the time is 0', () => {
    const models = residency([], 0);
    const worker = addWorker();
    worker.resident.push('a');
    clock.advance(1e12);
    models.maintain();
    expect(worker.asked).toEqual([]);
  });
});
