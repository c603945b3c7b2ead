import { execa } from 'execa';
import type { Log } from '../log.ts';

/** One device that a worker is bound to. */
export interface Device {
  /** `cpu`, `mps`, a GPU's UUID or `cuda:N`: how the configuration, the log and the database name it. */
  id: string;
  /** What torch calls it inside the worker, which sees no other GPU. */
  torchDevice: 'cpu' | 'mps' | 'cuda:0';
  /** What the worker's environment needs for that. */
  env: Readonly<Record<string, string>>;
}

const NVIDIA_SMI_TIMEOUT_MS = 10_000;

/**
 * The devices to work on, in order.
 *
 * @param configured a list of `cpu`, `mps`, `cuda:N` and GPU UUIDs, or `auto`: every NVIDIA GPU there is,
 *   else Apple's GPU, else the CPU
 * @param env the environment the workers will have; its CUDA_VISIBLE_DEVICES narrows what there is
 */
export async function findDevices(
  configured: readonly string[] | 'auto',
  env: Readonly<Record<string, string>>,
  log: Log,
): Promise<Device[]> {
  if (configured !== 'auto') return [...new Set(configured)].map(toDevice);
  const gpus = visibleGpus(await nvidiaUuids(env, log), env['CUDA_VISIBLE_DEVICES']);
  if (gpus.length > 0) return gpus.map(toDevice);
  return [toDevice(process.platform === 'darwin' && process.arch === 'arm64' ? 'mps' : 'cpu')];
}

/** How many workers run, one per device; on the CPU always one, since two would only halve each other. */
export function chooseWorkers(devices: readonly Device[], wanted: number | 'auto', log: Log): Device[] {
  if (wanted === 'auto' || wanted === devices.length) return [...devices];
  if (wanted < devices.length) return devices.slice(0, wanted);
  log.warn(
    { worker_threads: wanted, devices: devices.map((device) => device.id) },
    'worker_threads is more than there are devices: one worker runs on each',
  );
  return [...devices];
}

function toDevice(id: string): Device {
  if (id === 'cpu') return { id, torchDevice: 'cpu', env: { CUDA_VISIBLE_DEVICES: '' } };
  if (id === 'mps') return { id, torchDevice: 'mps', env: {} };
  // By UUID where we know it: indices change with the order that the driver finds the cards in.
  const visible = id.startsWith('cuda:') ? id.slice('cuda:'.length) : id;
  return {
    id,
    torchDevice: 'cuda:0',
    env: { CUDA_VISIBLE_DEVICES: visible, CUDA_DEVICE_ORDER: 'PCI_BUS_ID' },
  };
}

/** What an inherited CUDA_VISIBLE_DEVICES leaves: indices in PCI order, or UUIDs of GPUs and MIG slices. */
function visibleGpus(uuids: readonly string[], visible: string | undefined): string[] {
  if (visible === undefined) return [...uuids];
  return visible
    .split(',')
    .map((entry) => entry.trim())
    .map((entry) => (/^\d+$/.test(entry) ? uuids[Number(entry)] : entry))
    .filter((entry): entry is string => entry !== undefined && /^(GPU|MIG)-/.test(entry));
}

async function nvidiaUuids(env: Readonly<Record<string, string>>, log: Log): Promise<string[]> {
  try {
    const { stdout } = await execa('nvidia-smi', ['--query-gpu=uuid', '--format=csv,noheader'], {
      timeout: NVIDIA_SMI_TIMEOUT_MS,
      env,
      extendEnv: false,
    });
    return stdout.split('\n').filter((line) => line.startsWith('GPU-'));
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT')
      log.warn({ err: error }, 'nvidia-smi failed: no GPU is used');
    return [];
  }
}
