import { existsSync } from 'node:fs';
import { execa } from 'execa';
import { z } from 'zod';
import type { Log } from '../log.ts';
import type { ChildCommand } from './childProcess.ts';

/** The GPUs that torch sees, in the order of their indices. */
export interface TorchGpus {
  isRocm: boolean;
  /** Null for a GPU that cannot be chosen by one. */
  uuids: (string | null)[];
}

/** One of these is there wherever a GPU may be: NVIDIA's driver, WSL's, ROCm's. */
const SIGNS = ['/proc/driver/nvidia', '/dev/nvidiactl', '/dev/dxg', '/dev/kfd'];
/** Importing torch from a cold disk takes this long at the very most. */
const TIMEOUT_MS = 120_000;
const NONE: TorchGpus = { isRocm: false, uuids: [] };

const answerSchema = z.object({ is_rocm: z.boolean(), uuids: z.array(z.string().nullable()) });

/**
 * Asks the engine's torch for the GPUs it sees. Where nothing shows that there may be one, nothing is asked: a host
 * without a GPU does not pay for the import.
 *
 * @param signs other than usual in tests only
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
      // Indices mean here what they mean to the workers; and nothing is written into the user's interpreter.
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
      'there may be a GPU, but torch could not be asked for it: none is used',
    );
    return NONE;
  }
}
