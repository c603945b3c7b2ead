import { execa } from 'execa';
import type { Log } from '../log.ts';
import type { TorchGpus } from './torchGpus.ts';

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
 * @param configured a list of `cpu`, `mps`, `cuda:N` and GPU UUIDs, or `auto`: every GPU that nvidia-smi or,
 *   without it, torch knows of, else Apple's GPU, else the CPU
 * @param env the environment the workers will have; its CUDA_VISIBLE_DEVICES narrows what there is
 * @param torchGpus asks torch, which takes seconds: only where the system shows that there may be a GPU
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
 * The device of each worker. One on each device, or as many as are wanted: of more than there are devices, the GPUs
 * get the others in turn. On the CPU it is always one, since two would only halve each other; likewise on Apple's GPU.
 */
export function chooseWorkers(devices: readonly Device[], wanted: number | 'auto', log: Log): Device[] {
  if (wanted === 'auto') return [...devices];
  const chosen = devices.slice(0, wanted);
  const gpus = devices.filter((device) => device.torchDevice === 'cuda:0');
  if (gpus.length === 0 && wanted > devices.length) {
    log.warn(
      { worker_threads: wanted, devices: devices.map((device) => device.id) },
      'worker_threads is more than there are devices: one worker runs on each',
    );
    return chosen;
  }
  while (chosen.length < wanted) chosen.push(...gpus.slice(0, wanted - chosen.length));
  return chosen;
}

function toDevice(id: string, env: Readonly<Record<string, string>>): Device {
  if (id === 'cpu') return { id, torchDevice: 'cpu', env: { CUDA_VISIBLE_DEVICES: '' } };
  if (id === 'mps') return { id, torchDevice: 'mps', env: {} };
  // By UUID where we know it: indices change with the order that the driver finds the cards in.
  const visible = id.startsWith('cuda:') ? id.slice('cuda:'.length) : id;
  return {
    id,
    torchDevice: 'cuda:0',
    env: {
      CUDA_VISIBLE_DEVICES: visible,
      CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
      // ROCm looks at this first.
      ...('HIP_VISIBLE_DEVICES' in env ? { HIP_VISIBLE_DEVICES: visible } : {}),
    },
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

/** What torch sees was narrowed already: the entry that let a GPU through names it where it has no UUID. */
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
      log.warn({ err: error }, 'nvidia-smi failed: it names no GPU');
    return [];
  }
}
