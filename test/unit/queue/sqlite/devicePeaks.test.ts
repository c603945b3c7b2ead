import { beforeEach, expect, test } from 'vitest';
import type { DevicePeak, DevicePeakStore } from '../../../../src/queue/devicePeakStore.ts';
import { createDevicePeakStore } from '../../../../src/queue/sqlite/devicePeaks.ts';
import { openQueueOnDisk } from '../../../support/queueOnDisk.ts';

let peaks: DevicePeakStore;
beforeEach(async () => {
  const disk = await openQueueOnDisk();
  peaks = createDevicePeakStore(disk.database.orm, disk.database.write);
  return () => disk.dispose();
});

const peak = (given: Partial<DevicePeak> = {}): DevicePeak => ({
  modelType: 'vocals',
  device: 'GPU-a',
  batchSize: null,
  version: '1',
  bytes: 5,
  upToSeconds: 10,
  ...given,
});

test('peaks are kept apart by model, device and batch size, also by that of the YAML', async () => {
  const all = [
    peak(),
    peak({ modelType: 'drums' }),
    peak({ device: 'GPU-b' }),
    peak({ batchSize: 4, upToSeconds: null }),
  ];
  for (const each of all) await peaks.save(each);
  const kept = await peaks.all();
  expect(kept).toHaveLength(4);
  expect(kept).toEqual(expect.arrayContaining(all));
});

test('a newer peak stands in place of the one that was known', async () => {
  for (const batchSize of [null, 4]) await peaks.save(peak({ batchSize }));
  await peaks.save(peak({ version: '2', bytes: 3, upToSeconds: null }));
  const kept = await peaks.all();
  expect(kept).toHaveLength(2);
  expect(kept).toEqual(
    expect.arrayContaining([peak({ batchSize: 4 }), peak({ version: '2', bytes: 3, upToSeconds: null })]),
  );
});
