/** What the scheduler does with workers and tasks around each attempt. */
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Log } from '../../../../src/log/log.ts';
import { ChildDied, ChildFailure } from '../../../../src/workers/process/childErrors.ts';
import { newTask } from '../../../support/newTask.ts';
import { standInScheduler, type PlayedWorker } from '../../../support/standInScheduler.ts';
import { openQueueOnDisk, type QueueOnDisk } from '../../../support/queueOnDisk.ts';
import { acceptTask } from '../../../support/acceptTask.ts';

let disk: QueueOnDisk;
beforeEach(async () => {
  disk = await openQueueOnDisk();
});
let stops: (() => Promise<void>)[];
beforeEach(() => {
  stops = [];
});
afterEach(async () => {
  // What still runs writes to the database.
  for (const stop of stops) await stop();
  await disk.dispose();
});

const accept = () => acceptTask(disk.queue, newTask(), 10);
const statusOf = async ({ taskId }: { taskId: string }) => (await disk.queue.statusOf(taskId))?.status;

/** Something to wait for. */
function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return {
    opened,
    open: () => {
      open();
    },
  };
}

/** A scheduler of these workers that is stopped with the test. */
async function started(given: Parameters<typeof standInScheduler>[1]) {
  const standIn = await standInScheduler(disk, given);
  stops.push(() => standIn.scheduler.stop(0));
  standIn.scheduler.start();
  return standIn;
}

/** The clock that has the queue read every second stands still: only the test moves it. */
function withoutPoll() {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
}

/** A log, and the facts of each of its lines. */
function keptLines() {
  const lines: Record<string, unknown>[] = [];
  const keep = (level: string) => (facts: object) => void lines.push({ level, ...facts });
  return { lines, log: { info: keep('info'), warn: keep('warn'), error: keep('error') } as unknown as Log };
}

/** Works until it is told to stop, which it may have been already. */
const untilAborted: PlayedWorker['separate'] = async (_params, signal) => {
  if (!signal.aborted) await once(signal, 'abort');
  throw new ChildFailure('CANCELLED', 'It was cancelled.', null);
};

describe('a worker', () => {
  test.each<[string, PlayedWorker['separate'], string, string, string]>([
    ['did its work', undefined, 'completed', 'worked', 'lives'],
    [
      'says that it failed',
      () => Promise.reject(new ChildFailure('SEPARATION_FAILED', 'It failed.', null)),
      'failed',
      'worked',
      'lives',
    ],
    ['died', () => Promise.reject(new ChildDied({ exitCode: 1, signal: null })), 'pending', 'failed', 'died'],
  ])(
    'that %s is given back as that, once the end of its task is written',
    async (_, first, status, how, ending) => {
      const { taskId } = await accept();
      const endings: unknown[] = [];
      const given = gate();
      const { did, progress } = await started({
        // What comes back into the queue runs again, until the test is over.
        workers: [
          {
            id: 'w',
            separate: (params, signal) =>
              (params.attempt > 1 ? untilAborted : (first ?? (async () => ({}))))(params, signal),
          },
        ],
        parts: {
          preparation: {
            begin: () => undefined,
            end(_worker, end) {
              endings.push(end);
              void disk.queue.statusOf(taskId).then((current) => {
                endings.push(current?.status);
                given.open();
              });
            },
            look: () => undefined,
          },
        },
      });
      await given.opened;
      expect(endings).toEqual([ending, status]);
      expect(did.slice(0, 2)).toEqual(['lent w', `w ${how}`]);
      if (status !== 'pending') expect(progress.find(taskId)).toBeUndefined();
    },
  );

  test('has its models unloaded for a task on the same GPU before that begins, and is given back whatever comes of it', async () => {
    await accept();
    const worked = gate();
    const did: string[] = [];
    const neighbours = ['warm', 'stuck'];
    const hangs = new Error('it hangs');
    const { lines, log } = keptLines();
    const standIn = await standInScheduler(disk, {
      workers: [
        {
          id: 'w',
          separate: async () => {
            did.push(...standIn.did, 'separates');
            worked.open();
            return {};
          },
        },
        {
          id: 'warm',
          device: 'GPU-a',
          unload: async () => {
            standIn.did.push('warm unloads');
            return { unloaded: ['vocals'] };
          },
        },
        { id: 'stuck', device: 'GPU-a', unload: () => Promise.reject(hangs) },
      ],
      log,
      devices: {
        hasRoom: (_task, { id }) => id === 'w',
        begin: () => standIn.workers.filter(({ id }) => neighbours.includes(id)),
      },
    });
    stops.push(() => standIn.scheduler.stop(0));
    standIn.scheduler.start();
    await worked.opened;
    expect(did.slice(0, 4)).toEqual(['lent w', 'lent warm', 'lent stuck', 'warm unloads']);
    expect(did.slice(4, 6).sort()).toEqual(['stuck maintained', 'warm maintained']);
    expect(did.at(-1)).toBe('separates');
    expect(lines).toContainEqual({ level: 'info', workerId: 'warm', device: 'GPU-a', models: ['vocals'] });
    expect(lines).toContainEqual({ level: 'error', workerId: 'stuck', device: 'GPU-a', err: hangs });
  });

  test('on the same GPU that is not to be had keeps its models, and the task begins', async () => {
    await accept();
    const [unload, worked] = [vi.fn(), gate()];
    const standIn = await standInScheduler(disk, {
      workers: [
        {
          id: 'w',
          separate: async () => {
            worked.open();
            return {};
          },
        },
        { id: 'other', unload },
      ],
      taken: ['other'],
      devices: { hasRoom: (_task, { id }) => id === 'w', begin: () => standIn.workers.slice(1) },
    });
    stops.push(() => standIn.scheduler.stop(0));
    standIn.scheduler.start();
    await worked.opened;
    expect(unload).not.toHaveBeenCalled();
    expect(standIn.did).toContain('lent w');
    expect(standIn.did).not.toContain('lent other');
  });

  test('whose device has the most memory left is chosen among equals', async () => {
    await accept();
    const begun = gate();
    const workers = ['full', 'empty'].map((id) => ({ id, device: `GPU of ${id}`, separate: untilAborted }));
    const { did } = await started({
      workers,
      devices: {
        takes: ({ id }) => (id === 'full' ? 20 : 10),
        begin: () => {
          begun.open();
          return [];
        },
      },
    });
    await begun.opened;
    expect(did[0]).toBe('lent empty');
  });

  test('that is shown as idle and is not to be had leaves the task where it is', async () => {
    const task = await accept();
    const looked = gate();
    const { did } = await started({ workers: [{ id: 'w' }], taken: ['w'], onNothingToStart: looked.open });
    await looked.opened;
    expect(await statusOf(task)).toBe('pending');
    expect(did).toEqual([]);
  });

  test('is given back unused where the claim of its task is refused', async () => {
    await accept();
    const refused = gate();
    const { did } = await started({
      workers: [{ id: 'w' }],
      queue: {
        claim() {
          refused.open();
          return Promise.reject(new Error('SQLITE_IOERR'));
        },
      },
    });
    await refused.opened;
    await vi.waitFor(() => {
      expect(did.slice(0, 2)).toEqual(['lent w', 'w unused']);
    });
  });
});

test('where no task can start on an idle worker, that is told; where no worker is idle, nothing is asked', async () => {
  const idle = gate();
  const nothing = await started({ workers: [{ id: 'w' }], onNothingToStart: idle.open });
  await idle.opened;
  expect(nothing.did).toEqual([]);
  const candidates = vi.fn(disk.queue.candidates);
  const busy = await standInScheduler(disk, { workers: [], queue: { candidates } });
  busy.scheduler.start();
  busy.scheduler.wake();
  await busy.scheduler.stop(0);
  expect([busy.did, candidates.mock.calls]).toEqual([[], []]);
});

test.each([
  ['cancelled', (taskId: string) => disk.queue.cancel(taskId, null)],
  [
    'erased',
    async (taskId: string) => {
      await disk.queue.markDeleted(taskId, null);
      await disk.queue.erase(taskId);
    },
  ],
])('a task that was %s between its claim and its beginning is not begun', async (how, end) => {
  const task = await accept();
  const given = gate();
  const separate = vi.fn(async () => ({}));
  const { lines, log } = keptLines();
  const { did } = await started({
    workers: [{ id: 'w', separate }],
    queue: {
      async statusOf(taskId) {
        await end(taskId);
        return disk.queue.statusOf(taskId);
      },
    },
    devices: { end: given.open },
    log,
  });
  await given.opened;
  expect(separate).not.toHaveBeenCalled();
  expect(did.slice(0, 2)).toEqual(['lent w', 'w worked']);
  expect(lines).toEqual([]);
  expect(await statusOf(task)).toBe(how === 'cancelled' ? 'cancelled' : undefined);
});

test('a task that is cancelled while it runs stays so, that is no fault, and its worker is given back', async () => {
  const task = await accept();
  const [begun, given] = [gate(), gate()];
  const { lines, log } = keptLines();
  const standIn = await started({
    workers: [
      {
        id: 'w',
        separate: (params, signal) => {
          disk.clock.advance(1_500);
          begun.open();
          return untilAborted(params, signal);
        },
      },
    ],
    devices: { end: given.open },
    log,
  });
  await begun.opened;
  await disk.queue.cancel(task.taskId, null);
  expect(standIn.running.has(task.taskId)).toBe(true);
  void standIn.running.abort(task.taskId);
  await given.opened;
  expect(await statusOf(task)).toBe('cancelled');
  expect(disk.announced.map(({ type }) => type)).toEqual(['task.queued', 'task.started', 'task.cancelled']);
  expect(lines).toEqual([
    expect.objectContaining({ level: 'info', taskId: task.taskId, attempt: 1, processingSeconds: 1.5 }),
  ]);
});

test('a task that failed says how long it took', async () => {
  const task = await accept();
  const given = gate();
  await started({
    workers: [
      {
        id: 'w',
        separate: () => {
          disk.clock.advance(2_500);
          return Promise.reject(new ChildFailure('SEPARATION_FAILED', 'It failed.', null));
        },
      },
    ],
    devices: { end: given.open },
  });
  await given.opened;
  expect(await disk.queue.find(task.taskId, null)).toMatchObject({
    status: 'failed',
    processingSeconds: 2.5,
  });
});

test('tasks start in their order, one after the other on one worker, each once', async () => {
  const tasks = [await accept(), await accept(), await accept()];
  const order: string[] = [];
  const last = gate();
  const { scheduler } = await started({
    workers: [
      {
        id: 'w',
        separate: async ({ task_id: taskId }) => {
          order.push(taskId);
          if (order.length === 3) last.open();
          return {};
        },
      },
    ],
    devices: {
      end: () => {
        setImmediate(() => {
          scheduler.wake();
        });
      },
    },
  });
  await last.opened;
  expect(order).toEqual(tasks.map(({ taskId }) => taskId));
});

test('a task that came without a word is found within a second', async () => {
  withoutPoll();
  const [looked, begun] = [gate(), gate()];
  await started({
    workers: [
      {
        id: 'w',
        separate: async () => {
          begun.open();
          return {};
        },
      },
    ],
    onNothingToStart: looked.open,
  });
  await looked.opened;
  await new Promise(setImmediate);
  await accept();
  vi.advanceTimersByTime(1_000);
  await begun.opened;
});

test('one look at the queue starts as many tasks as there are workers', async () => {
  withoutPoll();
  await accept();
  await accept();
  const { did } = await started({ workers: ['v', 'w'].map((id) => ({ id, separate: untilAborted })) });
  await vi.waitFor(() => {
    expect(did).toEqual(['lent v', 'lent w']);
  });
});

test('a task for which no worker has room is passed by one that has', async () => {
  withoutPoll();
  const [large, small] = [await accept(), await accept()];
  await started({
    workers: [{ id: 'w', separate: untilAborted }],
    devices: { hasRoom: ({ mixture }) => mixture.inputId === small.mixture.inputId },
  });
  await vi.waitFor(async () => {
    expect([await statusOf(large), await statusOf(small)]).toEqual(['pending', 'processing']);
  });
});

test('words that come while the queue is read have it read once more, and not at the same time', async () => {
  withoutPoll();
  const [reads, goOn, looked] = [[] as string[], gate(), gate()];
  const { scheduler } = await started({
    workers: [{ id: 'w' }],
    queue: {
      async candidates(query) {
        reads.push('begins');
        await goOn.opened;
        const found = await disk.queue.candidates(query);
        reads.push('ends');
        if (reads.length === 4) looked.open();
        return found;
      },
    },
  });
  scheduler.wake();
  scheduler.wake();
  goOn.open();
  await looked.opened;
  await new Promise(setImmediate);
  expect(reads).toEqual(['begins', 'ends', 'begins', 'ends']);
});

test('a word that there is something new also looks for what can be prepared', async () => {
  const look = vi.fn();
  const { scheduler } = await started({
    workers: [],
    parts: { preparation: { begin: () => undefined, end: () => undefined, look } },
  });
  expect(look).not.toHaveBeenCalled();
  scheduler.wake();
  expect(look).toHaveBeenCalledOnce();
});

test('a queue that cannot be read is told, and read again', async () => {
  await accept();
  const [refused, begun] = [gate(), gate()];
  const error = vi.fn();
  const failure = new Error('SQLITE_IOERR');
  const { scheduler } = await started({
    workers: [
      {
        id: 'w',
        separate: async () => {
          begun.open();
          return {};
        },
      },
    ],
    log: { error, info: () => undefined, warn: () => undefined, debug: () => undefined } as unknown as Log,
    queue: {
      async candidates(query) {
        if (error.mock.calls.length > 0) return disk.queue.candidates(query);
        refused.open();
        throw failure;
      },
    },
  });
  await refused.opened;
  await vi.waitFor(() => {
    expect(error).toHaveBeenCalledWith({ err: failure }, expect.any(String));
  });
  scheduler.wake();
  await begun.opened;
});

describe('a stop', () => {
  test('lets what runs come to its end, and does not wait any longer', async () => {
    const task = await accept();
    const [begun, goOn] = [gate(), gate()];
    const { scheduler } = await standInScheduler(disk, {
      workers: [
        {
          id: 'w',
          separate: async () => {
            begun.open();
            await goOn.opened;
            return {};
          },
        },
      ],
    });
    scheduler.start();
    await begun.opened;
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    const stopped = scheduler.stop(3_600_000);
    goOn.open();
    await stopped;
    expect(await statusOf(task)).toBe('completed');
    // Its timer would keep the process alive.
    expect(timers()).toBeLessThan(before);
  });

  test('gives back to the queue what does not end in time, without a failure; the workers end first', async () => {
    const task = await accept();
    const begun = gate();
    const stopPool = vi.fn(async () => undefined);
    const { scheduler, did } = await standInScheduler(disk, {
      workers: [
        {
          id: 'w',
          separate: (params, signal) => {
            begun.open();
            return untilAborted(params, signal);
          },
        },
      ],
      stopPool,
    });
    scheduler.start();
    await begun.opened;
    await scheduler.stop(1);
    expect(await disk.queue.find(task.taskId, null)).toMatchObject({
      status: 'pending',
      failures: 0,
      attempt: 1,
    });
    expect(stopPool).toHaveBeenCalledOnce();
    expect(did).toEqual(['lent w', 'w worked']);
  });

  test('starts nothing after it, whoever asks', async () => {
    const candidates = vi.fn(disk.queue.candidates);
    const { scheduler, did } = await standInScheduler(disk, {
      workers: [{ id: 'w' }],
      queue: { candidates },
    });
    scheduler.start();
    await scheduler.stop(0);
    const before = candidates.mock.calls.length;
    await accept();
    scheduler.wake();
    await new Promise(setImmediate);
    expect(candidates.mock.calls).toHaveLength(before);
    expect(did.filter((word) => word !== 'idle')).toEqual([]);
  });

  test('that comes while the queue is read tells nobody that there is nothing to start', async () => {
    const [reading, goOn] = [gate(), gate()];
    const onNothingToStart = vi.fn();
    const { scheduler } = await standInScheduler(disk, {
      workers: [{ id: 'w' }],
      onNothingToStart,
      queue: {
        async candidates() {
          reading.open();
          await goOn.opened;
          return [];
        },
      },
    });
    scheduler.start();
    await reading.opened;
    await scheduler.stop(0);
    goOn.open();
    await new Promise(setImmediate);
    expect(onNothingToStart).not.toHaveBeenCalled();
  });
});
