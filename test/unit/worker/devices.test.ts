import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLog } from '../../../src/log.ts';
import { chooseWorkers, findDevices } from '../../../src/worker/devices.ts';

const log = createLog('silent');
const [A, B] = ['GPU-aaaaaaaa-0000-4000-8000-000000000001', 'GPU-bbbbbbbb-0000-4000-8000-000000000002'];
let bin: string;

/** An `nvidia-smi` that knows two GPUs, on a PATH of its own. */
beforeAll(async () => {
  bin = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-smi-'));
  await writeFile(path.join(bin, 'nvidia-smi'), `#!/bin/sh\necho ${A}\necho ${B}\n`);
  await chmod(path.join(bin, 'nvidia-smi'), 0o755);
});
afterAll(() => rm(bin, { recursive: true, force: true }));

describe('without a configured list', () => {
  test.each([
    ['every GPU is used', undefined, [A, B]],
    ['an inherited list of indices narrows it, in its order', '1,0', [B, A]],
    ['an inherited UUID narrows it', B, [B]],
    ['an inherited MIG slice is used as it is', 'MIG-12345678', ['MIG-12345678']],
    ['an inherited empty list leaves the CPU', '', ['cpu']],
  ])('%s', async (_name, visible, expected) => {
    const env = { PATH: bin, ...(visible === undefined ? {} : { CUDA_VISIBLE_DEVICES: visible }) };
    const devices = await findDevices('auto', env, log);
    expect(devices.map((device) => device.id)).toEqual(expected);
  });

  test('a machine without nvidia-smi works on its CPU', async () => {
    const devices = await findDevices('auto', { PATH: '/nowhere' }, log);
    expect(devices.map((device) => device.torchDevice)).toEqual([
      process.platform === 'darwin' ? 'mps' : 'cpu',
    ]);
  });
});

test('a worker sees no GPU but its own', async () => {
  const [cpu, byUuid, byIndex] = await findDevices(['cpu', A, 'cuda:1'], {}, log);
  expect(cpu?.env).toEqual({ CUDA_VISIBLE_DEVICES: '' });
  expect(byUuid).toMatchObject({ torchDevice: 'cuda:0', env: { CUDA_VISIBLE_DEVICES: A } });
  expect(byIndex?.env).toEqual({ CUDA_VISIBLE_DEVICES: '1', CUDA_DEVICE_ORDER: 'PCI_BUS_ID' });
});

test('there is never more than one worker on a device, and fewer when fewer are wanted', async () => {
  const devices = await findDevices([A, B], {}, log);
  expect(chooseWorkers(devices, 'auto', log)).toHaveLength(2);
  expect(chooseWorkers(devices, 1, log)).toHaveLength(1);
  expect(chooseWorkers(await findDevices(['cpu'], {}, log), 4, log)).toHaveLength(1);
});
