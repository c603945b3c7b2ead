import { existsSync } from 'node:fs';
import { execa } from 'execa';
import { z } from 'zod';
import type { Log } from '../../log/log.ts';
import type { ChildCommand } from '../process/childProcess.ts';

/** The GPUs that torch sees, in index order. */
export interface TorchGpus {
  isRocm: boolean;
  /** Null for a GPU that cannot be selected by UUID. */
  uuids: (string | null)[];
}

/** Paths of which at least one exists on any host with a GPU (NVIDIA's driver, WSL, ROCm). */
const SIGNS = ['/proc/driver/nvidia', '/dev/nvidiactl', '/dev/dxg', '/dev/kfd'];
/** Upper bound for importing torch from a cold disk. */
const TIMEOUT_MS = 120_000;
const NONE: TorchGpus = { isRocm: false, uuids: [] };

const answerSchema = z.object({ is_rocm: z.boolean(), uuids: z.array(z.string().nullable()) });

/**
 * Asks the engine's torch for the GPUs it sees. Skipped when there is no sign of a GPU, so that a host without one
 * does not pay for the import.
 *
 * @param signs overridden only in tests
 */
export async function askTorchForGpus(
  { python, projectRoot, env }: ChildCommand,
  log: Log,
  signs: readonly string[] = SIGNS,
): Promise<TorchGpus> {
  if (env['CUDA_VISIBLE_DEVICES'] === '' || !signs.some((sign) => existsSync(sign))) return NONE;
  try {
    const { stdout } = await execa(python, ['-m', 'python_worker', 'gpus'], {
      cwd: projectRoot,
      // Indices must mean the same as for the workers, and nothing may be written into the user's interpreter.
      env: { ...env, CUDA_DEVICE_ORDER: 'PCI_BUS_ID', PYTHONDONTWRITEBYTECODE: '1' },
      extendEnv: false,
      stdin: 'ignore',
      timeout: TIMEOUT_MS,
    });
    const { is_rocm: isRocm, uuids } = answerSchema.parse(JSON.parse(stdout));
    return { isRocm, uuids };
  } catch (error) {
    log.warn(
      { err: error, signs: signs.filter((sign) => existsSync(sign)) },
      'torch could not be queried for GPUs: no GPU is used',
    );
    return NONE;
  }
}
