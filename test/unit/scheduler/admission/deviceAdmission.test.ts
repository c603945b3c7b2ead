import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  createDeviceAdmission,
  type AdmittedWorker,
  type DeviceAdmission,
} from '../../../../src/scheduler/admission/deviceAdmission.ts';
import type { ReadyWorker } from '../../../../src/workers/inference/workerPool.ts';
import { newTask } from '../../../support/newTask.ts';

/** Of each GPU 90 bytes may be used. */
const TOTAL = 100;

let workers: ReadyWorker<AdmittedWorker>[];
let peaks: Map<string, number>;
let admission: DeviceAdmission<AdmittedWorker>;
beforeEach(() => {
  workers = [];
  peaks = new Map();
  admission = createDeviceAdmission({
    workers: () => workers,
    peaks: { find: ({ modelType }) => peaks.get(modelType) },
  });
});

function add(device: string, holding: { models: string[]; held: number } = { models: [], held: 0 }) {
  const worker = {
    ready: { device: { total_memory_bytes: TOTAL } },
    holding: { models: holding.models, device_bytes: holding.held },
  } as unknown as AdmittedWorker;
  workers.push({ worker, device, isIdle: true });
  return worker;
}
const setBusy = (worker: AdmittedWorker, isBusy: boolean) => {
  for (const each of workers) if (each.worker === worker) each.isIdle = !isBusy;
};
const begin = (modelType: string, worker: AdmittedWorker) => {
  const neighbours = admission.begin(newTask({ modelType }), worker);
  setBusy(worker, true);
  return neighbours;
};
const end = (worker: AdmittedWorker) => {
  admission.end(worker);
  setBusy(worker, false);
};
const hasRoom = (modelType: string, worker: AdmittedWorker) =>
  admission.hasRoom(newTask({ modelType }), worker);

describe('a worker that has its device alone', () => {
  test('is admitted whatever is known and whatever others do elsewhere', () => {
    const [one, other] = [add('A'), add('B')];
    peaks.set('huge', 1000);
    begin('unknown', other);
    expect([hasRoom('unknown', one), hasRoom('huge', one)]).toEqual([true, true]);
  });
});

describe('on a GPU that workers share', () => {
  test('two run together whose peaks fit 90 % of it, to the last byte', () => {
    const [one, two] = [add('A'), add('A')];
    peaks.set('forty', 40).set('fifty', 50).set('more', 51);
    begin('forty', one);
    expect([hasRoom('fifty', two), hasRoom('more', two)]).toEqual([true, false]);
    end(one);
    expect(hasRoom('more', two)).toBe(true);
  });

  test('what was never measured runs alone, and nothing beside it', () => {
    const [one, two] = [add('A'), add('A')];
    peaks.set('small', 1);
    expect(hasRoom('unknown', one)).toBe(true);
    begin('unknown', one);
    expect(hasRoom('small', two)).toBe(false);
    end(one);
    begin('small', one);
    expect(hasRoom('unknown', two)).toBe(false);
  });

  test('what idle workers hold counts, and so does what the worker itself holds for other models', () => {
    const [one, two] = [add('A'), add('A')];
    const idle = add('A', { models: ['other'], held: 20 });
    peaks.set('forty', 40).set('thirty', 30);
    begin('forty', one);
    expect([hasRoom('thirty', two), hasRoom('forty', two)]).toEqual([true, false]);
    expect([hasRoom('thirty', idle), hasRoom('forty', idle)]).toEqual([true, false]);
    begin('thirty', two);
    expect(hasRoom('thirty', idle)).toBe(false);
    expect([one, two, idle].map((worker) => admission.takes(worker))).toEqual([40, 30, 20]);
  });

  test('a model that is loaded already needs its peak and no more', () => {
    const [one, warm] = [add('A'), add('A', { models: ['forty'], held: 30 })];
    peaks.set('forty', 40).set('fifty', 50);
    begin('fifty', one);
    expect(hasRoom('forty', warm)).toBe(true);
  });

  test('beside that model another one of the same worker still counts', () => {
    const [one, warm] = [add('A'), add('A', { models: ['forty', 'other'], held: 30 })];
    peaks.set('forty', 40).set('thirty', 30);
    begin('thirty', one);
    expect(hasRoom('forty', warm)).toBe(false);
  });

  test('what a worker takes that runs what was never measured is what it held before', () => {
    const one = add('A', { models: ['other'], held: 20 });
    begin('unknown', one);
    expect(admission.takes(one)).toBe(20);
  });

  test('what was measured counts on the device where it was', () => {
    const [one, two] = [add('A'), add('A')];
    const find = ({ modelType }: { modelType: string }, device: string) =>
      device === 'A' ? peaks.get(modelType) : undefined;
    admission = createDeviceAdmission({ workers: () => workers, peaks: { find } });
    peaks.set('small', 1);
    begin('small', one);
    expect(hasRoom('small', two)).toBe(true);
  });

  test('one that works alone has those unloaded beside whom it may not fit, and only them', () => {
    const one = add('A');
    const [holds, , elsewhere] = [
      add('A', { models: ['x'], held: 30 }),
      add('A'),
      add('B', { models: ['x'], held: 30 }),
    ];
    peaks.set('fits', 60).set('does not', 61);
    expect(begin('fits', one)).toEqual([]);
    end(one);
    expect(begin('does not', one)).toEqual([holds]);
    end(one);
    expect(begin('unknown', one)).toEqual([holds]);
    expect(elsewhere.holding.device_bytes).toBe(30);
  });

  test('a load has the GPU for itself: it waits for what runs, and what comes waits for it', () => {
    const [one, two, elsewhere] = [add('A'), add('A'), add('B')];
    peaks.set('small', 1);
    begin('small', one);
    expect(admission.claimForLoad(two)).toBeUndefined();
    end(one);
    const endLoad = admission.claimForLoad(two);
    expect([hasRoom('small', one), hasRoom('small', elsewhere)]).toEqual([false, true]);
    expect(admission.claimForLoad(one)).toBeUndefined();
    // One that works is enough, whatever the others do.
    expect(admission.claimForLoad(add('A'))).toBeUndefined();
    endLoad?.();
    expect(hasRoom('small', one)).toBe(true);
  });

  test('beside a worker that is busy with what nobody told of, nothing starts', () => {
    const [one, two] = [add('A'), add('A')];
    peaks.set('small', 1);
    setBusy(two, true);
    expect(hasRoom('small', one)).toBe(false);
  });
});

test('whatever comes in whatever order: what runs together on a GPU is known and fits, and an empty GPU takes anything', () => {
  const models = ['a', 'b', 'c', 'd', 'unknown'];
  const step = fc.record({
    model: fc.constantFrom(...models),
    worker: fc.nat({ max: 5 }),
    ends: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 4, maxLength: 4 }),
      fc.array(fc.nat({ max: 30 }), { minLength: 6, maxLength: 6 }),
      fc.array(step, { minLength: 1, maxLength: 40 }),
      (sizes, holds, steps) => {
        workers = [];
        peaks = new Map(sizes.map((size, at) => [models[at] ?? '', size]));
        const all = holds.map((held, at) => add(at % 2 === 0 ? 'A' : 'B', { models: ['x'], held }));
        const runs = new Map<AdmittedWorker, string>();
        for (const { model, worker: at, ends } of steps) {
          const worker = all[at];
          if (!worker) continue;
          if (runs.has(worker)) {
            if (ends) {
              end(worker);
              runs.delete(worker);
            }
            continue;
          }
          const there = all.filter((_, other) => other % 2 === at % 2);
          const isEmpty = !there.some((other) => runs.has(other));
          const isAdmitted = hasRoom(model, worker);
          if (isEmpty) expect(isAdmitted).toBe(true);
          if (!isAdmitted) continue;
          begin(model, worker);
          runs.set(worker, model);
          if (isEmpty) continue;
          let sum = 0;
          for (const other of there) {
            const running = runs.get(other);
            sum +=
              running === undefined ? (other.holding.device_bytes ?? 0) : (peaks.get(running) ?? Infinity);
          }
          expect(sum).toBeLessThanOrEqual(0.9 * TOTAL);
        }
        for (const worker of runs.keys()) end(worker);
      },
    ),
  );
});
