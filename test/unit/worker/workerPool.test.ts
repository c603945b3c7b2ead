import { expect, test, vi } from 'vitest';
import { createLog } from '../../../src/log.ts';
import type { ChildExit } from '../../../src/worker/childErrors.ts';
import type { InferenceWorker } from '../../../src/worker/inferenceWorker.ts';
import { PATIENCE } from '../../../src/worker/patience.ts';
import { createWorkerPool } from '../../../src/worker/workerPool.ts';
import { WorkerWear } from '../../../src/worker/workerWear.ts';
import { ManualClock } from '../../support/manualClock.ts';

/** A worker that is ready at once and lives until it is told to die. */
function fakeWorker(id: string) {
  let die: (exit: ChildExit) => void = () => undefined;
  const exited = new Promise<ChildExit>((resolve) => (die = resolve));
  const end = () => {
    die({ exitCode: null, signal: 'SIGKILL' });
  };
  const ready = { device: { name: 'stand-in' } };
  const worker = { id, pid: 1, ready, exited, wear: new WorkerWear(), wasCancelled: false, kill: end };
  return { end, worker: { ...worker, stop: async () => end() } as unknown as InferenceWorker };
}

test('the workers that are ready are told with their devices, and the one that is asked for is lent', async () => {
  const onIdle = vi.fn();
  const pool = createWorkerPool({
    devices: ['A', 'B', 'A'].map((id) => ({ id, torchDevice: 'cuda:0' as const, env: {} })),
    startWorker: async (id) => fakeWorker(id).worker,
    onIdle,
    patience: PATIENCE,
    clock: new ManualClock(),
    log: createLog('silent'),
  });
  expect(pool.ready()).toEqual([]);
  pool.start();
  await vi.waitFor(() => {
    expect(onIdle).toHaveBeenCalledTimes(3);
  });
  const second = pool.ready()[1]?.worker;
  const lease = pool.lease(second);
  expect([lease?.worker, lease?.device]).toEqual([second, 'B']);
  expect(pool.ready().map(({ device, isIdle }) => [device, isIdle])).toEqual([
    ['A', true],
    ['B', false],
    ['A', true],
  ]);
  expect(pool.lease(second)).toBeUndefined();
  await pool.stop();
});

test('a worker that takes the place of one that died takes no task before the lost one is back in the queue', async () => {
  const started: ReturnType<typeof fakeWorker>[] = [];
  const onIdle = vi.fn();
  const pool = createWorkerPool({
    devices: [{ id: 'cpu', torchDevice: 'cpu', env: {} }],
    startWorker: async (id) => {
      const fake = fakeWorker(id);
      started.push(fake);
      return fake.worker;
    },
    onIdle,
    patience: PATIENCE,
    clock: new ManualClock(),
    log: createLog('silent'),
  });
  pool.start();
  await vi.waitFor(() => {
    expect(onIdle).toHaveBeenCalledTimes(1);
  });
  const lease = pool.lease();
  started[0]?.end();
  await vi.waitFor(() => {
    expect(started).toHaveLength(2);
  });
  expect(pool.lease()).toBeUndefined();
  expect(onIdle).toHaveBeenCalledTimes(1);
  lease?.release('failed');
  await vi.waitFor(() => {
    expect(onIdle).toHaveBeenCalledTimes(2);
  });
  expect(pool.lease()?.worker).toBe(started[1]?.worker);
  await pool.stop();
});
