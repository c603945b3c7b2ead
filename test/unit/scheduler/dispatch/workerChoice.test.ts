import { expect, test } from 'vitest';
import { chooseWorker } from '../../../../src/scheduler/dispatch/workerChoice.ts';
import type { DeviceFailure } from '../../../../src/queue/taskQueue.ts';

interface Given {
  isIdle?: boolean;
  warm?: string[];
  held?: number;
  total?: number;
}

const on = (device: string, { isIdle = true, warm = [], held = 0, total = 100 }: Given = {}) => ({
  worker: {
    ready: { device: { total_memory_bytes: total } },
    holding: { models: warm, device_bytes: held },
  } as unknown as Parameters<typeof chooseWorker>[0][number]['worker'],
  device,
  isIdle,
});
const died = (device: string) => ({ device, outcome: 'worker_died' as const });
const choice = (workers: ReturnType<typeof on>[], lastFailure?: DeviceFailure, full: string[] = []) => {
  const hasRoom = (wanted: unknown) =>
    !workers.some(({ worker, device }) => worker === wanted && full.includes(device));
  const takes = ({ holding }: { holding: { device_bytes: number | null } }) => holding.device_bytes ?? 0;
  const chosen = chooseWorker(workers, { modelType: 'vocals', lastFailure, hasRoom }, takes);
  return workers.findIndex(({ worker }) => worker === chosen);
};

test('no worker is chosen where none is idle', () => {
  expect(choice([])).toBe(-1);
  expect(choice([on('A', { isIdle: false, warm: ['vocals'] })])).toBe(-1);
});

test('an idle worker that has the model loaded goes before all others, also beside one that works', () => {
  const warm = on('B', { warm: ['drums', 'vocals'], held: 90 });
  expect(choice([on('A'), warm])).toBe(1);
  expect(choice([on('A'), on('B', { isIdle: false }), warm])).toBe(2);
});

test('a GPU on which the last attempt took its worker down is avoided, also where the model is loaded, if there is another', () => {
  expect(choice([on('A', { warm: ['vocals'] }), on('B')], died('A'))).toBe(1);
  expect(choice([on('A'), on('B', { isIdle: false })], died('A'))).toBe(0);
});

test('a task that its GPU failed waits for another one, and where there is none goes there again', () => {
  const failed = { device: 'A', outcome: 'device_failed' as const };
  expect(choice([on('A'), on('B', { isIdle: false })], failed)).toBe(-1);
  expect(choice([on('A'), on('B')], failed)).toBe(1);
  expect(choice([on('A'), on('A', { isIdle: false })], failed)).toBe(0);
});

test('of cold workers one is chosen whose GPU does nothing, then one whose GPU has the most memory left', () => {
  expect(choice([on('A', { isIdle: false }), on('A'), on('B', { held: 90 })])).toBe(2);
  expect(choice([on('A', { held: 20 }), on('B', { held: 10 }), on('C', { held: 15 })])).toBe(1);
  expect(choice([on('A'), on('B', { total: 200 })])).toBe(1);
  // Two that are idle do no more than one.
  expect(choice([on('A'), on('A'), on('B', { held: 10 })])).toBe(0);
  // What both workers of A hold is gone for either of them.
  expect(choice([on('A', { held: 1 }), on('A', { held: 20 }), on('B', { held: 15 })])).toBe(2);
});

test('none is chosen whose GPU has no room for the task, however well it would suit', () => {
  expect(choice([on('A', { warm: ['vocals'] }), on('B')], undefined, ['A'])).toBe(1);
  expect(choice([on('A'), on('A', { isIdle: false })], undefined, ['A'])).toBe(-1);
});

test('among equals the first is chosen', () => {
  expect(choice([on('A'), on('B'), on('C')])).toBe(0);
});
