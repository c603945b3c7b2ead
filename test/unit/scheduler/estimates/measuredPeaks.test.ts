import { beforeEach, expect, test, vi } from 'vitest';
import { createLog } from '../../../../src/log/log.ts';
import {
  createMeasuredPeaks,
  type MeasuredPeaks,
} from '../../../../src/scheduler/estimates/measuredPeaks.ts';
import type { DevicePeakStore } from '../../../../src/queue/devicePeakStore.ts';
import { createDevicePeakStore } from '../../../../src/queue/sqlite/devicePeaks.ts';
import { createWrite } from '../../../../src/queue/sqlite/transaction.ts';
import { newMixture, newTask } from '../../../support/newTask.ts';
import { openQueueOnDisk } from '../../../support/queueOnDisk.ts';

let store: DevicePeakStore;
let versions: Record<string, string>;
beforeEach(async () => {
  const disk = await openQueueOnDisk();
  const { orm } = disk.database;
  store = createDevicePeakStore(orm, createWrite(orm));
  versions = { vocals: 'v1', drums: 'v1' };
  return () => disk.dispose();
});

/** As a server does that starts on this database. */
const start = async (): Promise<MeasuredPeaks> =>
  createMeasuredPeaks({
    stored: await store.all(),
    store,
    versionOf: (modelType) => versions[modelType],
    log: createLog('silent'),
  });
const task = (durationSeconds = 100, batchSize: number | null = null, modelType = 'vocals') => {
  const given = newTask({ modelType, mixture: newMixture({ durationSeconds }) });
  return { ...given, options: { ...given.options, batchSize } };
};
const on = (device: string, version = versions['vocals'] ?? 'v1') => ({ device, version });
const peak = (bytes: number, any_length = true) => ({ bytes, any_length });

test('the largest peak counts, by model, device and batch size, and outlives the server', async () => {
  const first = await start();
  expect(first.find(task(), 'A')).toBeUndefined();
  first.record(task(), on('A'), peak(5));
  first.record(task(), on('A'), peak(7));
  first.record(task(), on('A'), peak(6));
  first.record(task(100, 4), on('A'), peak(9));
  first.record(task(), on('B'), peak(3));
  for (const peaks of [first, await start()]) {
    expect(peaks.find(task(), 'A')).toBe(7);
    expect(peaks.find(task(100, 4), 'A')).toBe(9);
    expect(peaks.find(task(), 'B')).toBe(3);
    expect(peaks.find(task(100, 4), 'B')).toBeUndefined();
    expect(peaks.find(task(100, null, 'drums'), 'A')).toBeUndefined();
  }
});

test('what was measured with less than a full batch holds for no longer mixture', async () => {
  const peaks = await start();
  peaks.record(task(10), on('A'), peak(5, false));
  expect([peaks.find(task(10), 'A'), peaks.find(task(10.1), 'A')]).toEqual([5, undefined]);
  peaks.record(task(20), on('A'), peak(4, false));
  expect([peaks.find(task(20), 'A'), (await start()).find(task(21), 'A')]).toEqual([5, undefined]);
  peaks.record(task(30), on('A'), peak(8));
  expect([peaks.find(task(5), 'A'), (await start()).find(task(1e6), 'A')]).toEqual([8, 8]);
  peaks.record(task(40), on('A'), peak(2, false));
  expect([peaks.find(task(5), 'A'), (await start()).find(task(1e6), 'A')]).toEqual([8, 8]);
});

test('what was measured of other files than the present ones is forgotten, also when less was measured since', async () => {
  const peaks = await start();
  peaks.record(task(), on('A'), peak(9));
  versions['vocals'] = 'v2';
  expect(peaks.find(task(), 'A')).toBeUndefined();
  peaks.record(task(5), on('A'), peak(2, false));
  expect([(await start()).find(task(5), 'A'), peaks.find(task(), 'A')]).toEqual([2, undefined]);
});

test('what was measured of files that changed meanwhile is not taken for that of the new ones', async () => {
  const peaks = await start();
  versions['vocals'] = 'v2';
  peaks.record(task(), on('A', 'v1'), peak(9));
  expect([peaks.find(task(), 'A'), await store.all()]).toEqual([undefined, []]);
});

test('a model that is gone has no peak, and none is recorded for it', async () => {
  const peaks = await start();
  delete versions['vocals'];
  peaks.record(task(), on('A'), peak(9));
  expect(await store.all()).toEqual([]);
  expect(peaks.find(task(), 'A')).toBeUndefined();
});

test('one that the database does not take is known all the same, and the log says so', async () => {
  const warn = vi.fn();
  const error = new Error('disk full');
  const peaks = createMeasuredPeaks({
    stored: [],
    store: { save: () => Promise.reject(error) },
    versionOf: () => 'v1',
    log: { warn } as never,
  });
  peaks.record(task(), on('A'), peak(9));
  expect(peaks.find(task(), 'A')).toBe(9);
  await vi.waitFor(() => {
    expect(warn).toHaveBeenCalledOnce();
  });
  const kept = {
    modelType: 'vocals',
    device: 'A',
    batchSize: null,
    version: 'v1',
    bytes: 9,
    upToSeconds: null,
  };
  expect(warn).toHaveBeenCalledWith({ err: error, peak: kept }, expect.any(String));
});

test('what tells nothing new is not written', async () => {
  const save = vi.fn(async () => undefined);
  const peaks = createMeasuredPeaks({
    stored: [],
    store: { save },
    versionOf: () => 'v1',
    log: createLog('silent'),
  });
  const told = [peak(9, false), peak(9, false), peak(8, false), peak(9), peak(9), peak(1, false)];
  for (const each of told) peaks.record(task(), on('A'), each);
  expect(save.mock.calls).toMatchObject([
    [{ bytes: 9, upToSeconds: 100 }],
    [{ bytes: 9, upToSeconds: null }],
  ]);
});
