import { describe, expect, test, vi } from 'vitest';
import { createLog } from '../../../../src/log/log.ts';
import type { ChildExit } from '../../../../src/workers/process/childErrors.ts';
import type { InferenceWorker } from '../../../../src/workers/inference/inferenceWorker.ts';
import { TIMEOUTS } from '../../../../src/workers/health/timeouts.ts';
import { createWorkerPool } from '../../../../src/workers/inference/workerPool.ts';
import { RecyclePolicy } from '../../../../src/workers/inference/recyclePolicy.ts';
import { ManualClock } from '../../../support/manualClock.ts';

/** Three workers on two GPUs. */
const GPUS = ['A', 'B', 'A'].map((id) => ({ id, torchDevice: 'cuda:0' as const, env: {} }));

/** A worker that is ready at once and lives until it is told to die. */
function fakeWorker(id: string) {
  let die: (exit: ChildExit) => void = () => undefined;
  const exited = new Promise<ChildExit>((resolve) => (die = resolve));
  const end = (exit: ChildExit = { exitCode: null, signal: 'SIGKILL' }) => {
    die(exit);
  };
  const ready = { device: { name: 'stand-in' } };
  const worker = {
    id,
    pid: 1,
    ready,
    exited,
    recyclePolicy: new RecyclePolicy(),
    wasCancelled: false,
    kill: () => end(),
  };
  return { end, worker: { ...worker, stop: async () => end() } as unknown as InferenceWorker };
}

test('the workers that are ready are told with their devices, and the one that is asked for is lent', async () => {
  const onIdle = vi.fn();
  const pool = createWorkerPool({
    startWorker: async (id) => fakeWorker(id).worker,
    onIdle,
    timeouts: TIMEOUTS,
    clock: new ManualClock(),
    log: createLog('silent'),
  });
  expect(pool.ready()).toEqual([]);
  pool.start(GPUS);
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

test('renewed, it replaces idle workers at once, busy ones after their task, and those that were starting', async () => {
  const started: string[] = [];
  let finishStart: () => void = () => undefined;
  const pool = createWorkerPool({
    startWorker: async (id) => {
      started.push(id);
      if (id === 'worker-2' && started.length === 3) await new Promise<void>((done) => (finishStart = done));
      return fakeWorker(id).worker;
    },
    onIdle: () => {
      pool.replaceWorn();
    },
    timeouts: TIMEOUTS,
    clock: new ManualClock(),
    log: createLog('silent'),
  });
  pool.start(GPUS);
  await vi.waitFor(() => {
    expect(pool.ready()).toHaveLength(2);
  });
  const lease = pool.lease(pool.ready()[0]?.worker);
  pool.renew('another MSST');
  await vi.waitFor(() => {
    expect(started).toEqual(['worker-0', 'worker-1', 'worker-2', 'worker-1']);
  });
  expect(pool.statuses().map(({ state }) => state)).toEqual(['busy', 'idle', 'starting']);
  finishStart();
  await vi.waitFor(() => {
    expect(started.slice(4)).toEqual(['worker-2']);
  });
  lease?.release('worked');
  await vi.waitFor(() => {
    expect(pool.statuses()).toMatchObject(
      ['worker-0', 'worker-1', 'worker-2'].map((id) => ({ id, state: 'idle', restarts: 1, lastError: null })),
    );
  });
  expect(started.slice(5)).toEqual(['worker-0']);
  pool.replaceWorn();
  expect(pool.statuses().every(({ state }) => state === 'idle')).toBe(true);
  await pool.stop();
});

test('a pool that was stopped before its devices were known starts nobody', async () => {
  const startWorker = vi.fn();
  const pool = createWorkerPool({
    startWorker,
    onIdle: () => undefined,
    timeouts: TIMEOUTS,
    clock: new ManualClock(),
    log: createLog('silent'),
  });
  expect([pool.statuses(), pool.lease()]).toEqual([[], undefined]);
  await pool.stop();
  pool.start(GPUS);
  expect(startWorker).not.toHaveBeenCalled();
  expect(pool.statuses()).toEqual([]);
});

describe('a GPU that failed two workers in a row', () => {
  const FAILED = { exitCode: 70, signal: null };

  /** A pool of three workers, two of which share a GPU; those started, by id and in order. */
  async function start(clock: ManualClock) {
    const started: [string, ReturnType<typeof fakeWorker>][] = [];
    const pool = createWorkerPool({
      startWorker: async (id) => {
        const fake = fakeWorker(id);
        started.push([id, fake]);
        return fake.worker;
      },
      onIdle: () => undefined,
      // Real timers run in it: starts that are put off are never seen here.
      timeouts: { quarantineMs: 300_000 },
      clock,
      log: createLog('silent'),
    });
    pool.start(GPUS);
    const lend = (id: string) =>
      pool.lease(pool.ready().find(({ worker, isIdle }) => worker.id === id && isIdle)?.worker);
    await vi.waitFor(() => {
      expect(pool.ready()).toHaveLength(3);
    });
    /** Its GPU fails the worker of this id at work. */
    const fail = async (id: string) => {
      const lease = lend(id);
      const before = started.length;
      started.findLast(([each]) => each === id)?.[1].end(FAILED);
      await lease?.worker.exited;
      lease?.release('failed');
      return before;
    };
    return { pool, fail, started, lend };
  }

  test('lends nobody for a while; then one, until that has done its part', async () => {
    const clock = new ManualClock();
    const { pool, fail, started, lend } = await start(clock);
    expect(await fail('worker-0')).toBe(3);
    await vi.waitFor(() => {
      expect(started).toHaveLength(4);
      expect(pool.ready()).toHaveLength(3);
    });
    await fail('worker-0');
    await vi.waitFor(() => {
      expect(pool.statuses().map(({ isGpuQuarantined }) => isGpuQuarantined)).toEqual([true, false, true]);
    });
    // The worker of the same GPU that lives is left alone with it.
    expect(pool.ready().map(({ worker }) => worker.id)).toEqual(['worker-1']);
    const other = pool.lease();
    expect(other?.worker.id).toBe('worker-1');
    expect(pool.lease()).toBeUndefined();

    clock.advance(300_000);
    const attempt = lend('worker-2');
    expect(attempt?.device).toBe('A');
    attempt?.release('worked');
    expect(pool.statuses().map(({ isGpuQuarantined }) => isGpuQuarantined)).toEqual([false, false, false]);
    expect(lend('worker-2')).toBeDefined();
    await pool.stop();
  });

  test('is tried by one worker at a time', async () => {
    const clock = new ManualClock();
    const { pool, fail, started, lend } = await start(clock);
    await fail('worker-0');
    await vi.waitFor(() => {
      expect(started).toHaveLength(4);
      expect(pool.ready()).toHaveLength(3);
    });
    // Both of its workers are lent when the second failure comes: the one that goes on is the only one.
    const going = lend('worker-2');
    await fail('worker-0');
    clock.advance(300_000);
    expect(pool.ready().filter(({ device }) => device === 'A')).toMatchObject([{ isIdle: false }]);
    going?.release('failed');
    expect(pool.ready().filter(({ device }) => device === 'A')).toMatchObject([{ isIdle: true }]);
    await pool.stop();
  });
});

test('a worker that takes the place of one that died takes no task before the lost one is back in the queue', async () => {
  const started: ReturnType<typeof fakeWorker>[] = [];
  const onIdle = vi.fn();
  const pool = createWorkerPool({
    startWorker: async (id) => {
      const fake = fakeWorker(id);
      started.push(fake);
      return fake.worker;
    },
    onIdle,
    timeouts: TIMEOUTS,
    clock: new ManualClock(),
    log: createLog('silent'),
  });
  pool.start([{ id: 'cpu', torchDevice: 'cpu', env: {} }]);
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
