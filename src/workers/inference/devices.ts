import { execa } from 'execa';
import type { Log } from '../../log/log.ts';
import type { TorchGpus } from './torchGpus.ts';

/** A device that a worker can be bound to. */
export interface Device {
  /** `cpu`, `mps`, a GPU's UUID or `cuda:N`: its name in the configuration, the log and the database. */
  id: string;
  /** The torch device name inside the worker, which sees no other GPU. */
  torchDevice: 'cpu' | 'mps' | 'cuda:0';
  /** Environment variables that bind the worker to it. */
  env: Readonly<Record<string, string>>;
}

const NVIDIA_SMI_TIMEOUT_MS = 10_000;

/**
 * Finds the devices to use, in order.
 *
 * @param configured a list of `cpu`, `mps`, `cuda:N` and GPU UUIDs, or `auto`: every GPU reported by nvidia-smi
 *   or, without it, by torch; else Apple's GPU, else the CPU
 * @param env the environment of the workers; its CUDA_VISIBLE_DEVICES restricts the GPUs
 * @param torchGpus asks torch, which takes seconds; does so only when the system may have a GPU
 */
export async function findDevices(
  configured: readonly string[] | 'auto',
  env: Readonly<Record<string, string>>,
  log: Log,
  torchGpus: () => Promise<TorchGpus>,
): Promise<Device[]> {
  if (configured !== 'auto') return [...new Set(configured)].map((id) => toDevice(id, env));
  const uuids = await nvidiaUuids(env, log);
  const gpus =
    uuids.length > 0 ? visibleGpus(uuids, env['CUDA_VISIBLE_DEVICES']) : namesOf(await torchGpus(), env);
  if (gpus.length > 0) return gpus.map((id) => toDevice(id, env));
  return [toDevice(process.platform === 'darwin' && process.arch === 'arm64' ? 'mps' : 'cpu', env)];
}

/**
 * Chooses the device of each worker: one worker per device, or `wanted` workers in all. If that is more than there
 * are devices, the additional workers go to the GPUs in turn. The CPU and Apple's GPU always get one worker, since
 * two would only halve each other's speed.
 */
export function chooseWorkers(devices: readonly Device[], wanted: number | 'auto', log: Log): Device[] {
  if (wanted === 'auto') return [...devices];
  const chosen = devices.slice(0, wanted);
  const gpus = devices.filter((device) => device.torchDevice === 'cuda:0');
  if (gpus.length === 0 && wanted > devices.length) {
    log.warn(
      { worker_threads: wanted, devices: devices.map((device) => device.id) },
      'worker_threads exceeds the number of devices: starting one worker per device',
    );
    return chosen;
  }
  while (chosen.length < wanted) chosen.push(...gpus.slice(0, wanted - chosen.length));
  return chosen;
}

function toDevice(id: string, env: Readonly<Record<string, string>>): Device {
  if (id === 'cpu') return { id, torchDevice: 'cpu', env: { CUDA_VISIBLE_DEVICES: '' } };
  if (id === 'mps') return { id, torchDevice: 'mps', env: {} };
  // Prefer the UUID: indices depend on the order in which the driver finds the cards.
  const visible = id.startsWith('cuda:') ? id.slice('cuda:'.length) : id;
  return {
    id,
    torchDevice: 'cuda:0',
    env: {
      CUDA_VISIBLE_DEVICES: visible,
      CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
      // Takes precedence on ROCm.
      ...('HIP_VISIBLE_DEVICES' in env ? { HIP_VISIBLE_DEVICES: visible } : {}),
    },
  };
}

/** Applies an inherited CUDA_VISIBLE_DEVICES: indices in PCI order, or UUIDs of GPUs and MIG slices. */
function visibleGpus(uuids: readonly string[], visible: string | undefined): string[] {
  if (visible === undefined) return [...uuids];
  return visible
    .split(',')
    .map((entry) => entry.trim())
    .map((entry) => (/^\d+$/.test(entry) ? uuids[Number(entry)] : entry))
    .filter((entry): entry is string => entry !== undefined && /^(GPU|MIG)-/.test(entry));
}

/** Names torch's GPUs. Torch's list is already restricted, so a GPU without UUID is named by its own entry. */
function namesOf({ isRocm, uuids }: TorchGpus, env: Readonly<Record<string, string>>): string[] {
  const narrowed = (isRocm ? env['HIP_VISIBLE_DEVICES'] : undefined) ?? env['CUDA_VISIBLE_DEVICES'];
  const entries = narrowed?.split(',').map((entry) => entry.trim()) ?? [];
  return uuids.map((uuid, index) => {
    const entry = entries[index] ?? String(index);
    return /^\d+$/.test(entry) ? (uuid ?? `cuda:${entry}`) : entry;
  });
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
      log.warn({ err: error }, 'nvidia-smi failed: its GPUs are not used');
    return [];
  }
}
