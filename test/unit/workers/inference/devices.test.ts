import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createLog } from '../../../../src/log/log.ts';
import { chooseWorkers, findDevices } from '../../../../src/workers/inference/devices.ts';
import { askTorchForGpus, type TorchGpus } from '../../../../src/workers/inference/torchGpus.ts';

const log = createLog('silent');
/** Torch, which knows of no GPU. */
const none = async (): Promise<TorchGpus> => ({ isRocm: false, uuids: [] });
const torch =
  (uuids: (string | null)[], isRocm = false) =>
  async () => ({ isRocm, uuids });
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
    const devices = await findDevices('auto', env, log, () => {
      throw new Error('torch was asked');
    });
    expect(devices.map((device) => device.id)).toEqual(expected);
  });

  test('a machine without nvidia-smi works on its CPU', async () => {
    const devices = await findDevices('auto', { PATH: '/nowhere' }, log, none);
    expect(devices.map((device) => device.torchDevice)).toEqual([
      process.platform === 'darwin' ? 'mps' : 'cpu',
    ]);
  });
});

test('a worker sees no GPU but its own', async () => {
  const [cpu, byUuid, byIndex] = await findDevices(['cpu', A, 'cuda:1'], {}, log, none);
  expect(cpu?.env).toEqual({ CUDA_VISIBLE_DEVICES: '' });
  expect(byUuid).toMatchObject({ torchDevice: 'cuda:0', env: { CUDA_VISIBLE_DEVICES: A } });
  expect(byIndex?.env).toEqual({ CUDA_VISIBLE_DEVICES: '1', CUDA_DEVICE_ORDER: 'PCI_BUS_ID' });
});

describe('without nvidia-smi torch says which GPUs there are', () => {
  test.each<[string, Record<string, string>, TorchGpus, string[]]>([
    ['by their UUIDs', {}, { isRocm: false, uuids: [A, B] }, [A, B]],
    [
      'by their indices where they have none',
      {},
      { isRocm: false, uuids: [null, null] },
      ['cuda:0', 'cuda:1'],
    ],
    [
      'by the indices that an inherited list let through',
      { CUDA_VISIBLE_DEVICES: '3, 2' },
      { isRocm: false, uuids: [null, null] },
      ['cuda:3', 'cuda:2'],
    ],
    [
      'by the UUIDs and MIG slices of an inherited list',
      { CUDA_VISIBLE_DEVICES: `${B},MIG-1` },
      { isRocm: false, uuids: [B, A] },
      [B, 'MIG-1'],
    ],
    [
      'by the list that ROCm looks at first',
      { HIP_VISIBLE_DEVICES: '1', CUDA_VISIBLE_DEVICES: '0' },
      { isRocm: true, uuids: [null] },
      ['cuda:1'],
    ],
  ])('%s', async (_name, narrowed, { isRocm, uuids }, expected) => {
    const env = { PATH: '/nowhere', ...narrowed };
    const devices = await findDevices('auto', env, log, torch(uuids, isRocm));
    expect(devices.map((device) => device.id)).toEqual(expected);
  });

  test('and a worker of a GPU that ROCm was told of sees that one alone', async () => {
    const env = { PATH: '/nowhere', HIP_VISIBLE_DEVICES: '2,1' };
    const devices = await findDevices('auto', env, log, torch([null, null], true));
    expect(devices.map((device) => device.env['HIP_VISIBLE_DEVICES'])).toEqual(['2', '1']);
  });
});

describe('torch', () => {
  /** An interpreter that notes what it was asked, and answers. */
  async function interpreter(answer: string): Promise<string> {
    const file = path.join(bin, `python-${String(Math.random())}`);
    await writeFile(file, `#!/bin/sh\necho "$CUDA_DEVICE_ORDER $@" >> '${file}.asked'\n${answer}\n`);
    await chmod(file, 0o755);
    return file;
  }
  const ask = (python: string, signs: string[], env: Record<string, string> = {}) =>
    askTorchForGpus({ python, projectRoot: bin, env }, log, signs);
  const asked = (python: string) => readFile(`${python}.asked`, 'utf8').catch(() => '');

  test('is asked where the system shows that there may be a GPU', async () => {
    const python = await interpreter(`echo '{"is_rocm": false, "uuids": ["${A}", null]}'`);
    expect(await ask(python, ['/nowhere', bin])).toEqual({ isRocm: false, uuids: [A, null] });
    expect(await asked(python)).toBe('PCI_BUS_ID -m python_worker gpus\n');
  });

  test('is not asked where nothing shows it, nor where an inherited list is empty', async () => {
    const python = await interpreter('exit 1');
    expect(await ask(python, ['/nowhere'])).toEqual({ isRocm: false, uuids: [] });
    expect(await ask(python, [bin], { CUDA_VISIBLE_DEVICES: '' })).toEqual({ isRocm: false, uuids: [] });
    expect(await asked(python)).toBe('');
  });

  test.each(['exit 1', 'echo nonsense', `echo '{"is_rocm": false}'`])(
    'that does not answer (%s) means no GPU, and the log says so',
    async (answer) => {
      const warn = vi.fn();
      const python = await interpreter(answer);
      const found = await askTorchForGpus({ python, projectRoot: bin, env: {} }, { ...log, warn } as never, [
        bin,
      ]);
      expect(found.uuids).toEqual([]);
      expect(warn).toHaveBeenCalledOnce();
    },
  );
});

describe('workers', () => {
  const workersOn = async (configured: string[], wanted: number | 'auto') => {
    const devices = await findDevices(configured, {}, log, none);
    return chooseWorkers(devices, wanted, log).map((device) => device.id);
  };

  test('are one on each device, and fewer when fewer are wanted', async () => {
    expect(await workersOn([A, B], 'auto')).toEqual([A, B]);
    expect(await workersOn([A, B], 1)).toEqual([A]);
  });

  test('of which there are more than GPUs are spread evenly over them', async () => {
    expect(await workersOn([A, B], 5)).toEqual([A, B, A, B, A]);
    expect(await workersOn(['cuda:0'], 2)).toEqual(['cuda:0', 'cuda:0']);
  });

  test('are one on the CPU and on an Apple GPU, however many are wanted', async () => {
    expect(await workersOn(['cpu'], 4)).toEqual(['cpu']);
    expect(await workersOn(['mps'], 2)).toEqual(['mps']);
    expect(await workersOn(['cpu', A], 4)).toEqual(['cpu', A, A, A]);
  });
});
