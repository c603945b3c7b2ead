import { execa } from 'execa';
import { knownNeedsSchema, type KnownNeeds } from '../config/knownNeeds.ts';
import type { ChildCommand } from './childProcess.ts';

/** Reading the sources of an MSST from a cold disk takes this long at the very most. */
const TIMEOUT_MS = 30_000;

/**
 * Has the engine's interpreter read the sources of the MSST in use: nothing of it is imported.
 *
 * @param loader where the set-up found what builds its networks
 * @throws where it cannot be run, or does not answer, as while a source cannot be read
 */
export async function askEngineForNeeds(
  { python, projectRoot, env }: ChildCommand,
  msstRoot: string,
  loader: KnownNeeds['loader'],
): Promise<KnownNeeds> {
  const where = loader === null ? [] : ['--loader', loader.file, loader.function];
  const words = ['-m', 'python_worker', 'needs', '--msst-root', msstRoot, ...where];
  const { stdout } = await execa(python, words, {
    cwd: projectRoot,
    env: { ...env, PYTHONDONTWRITEBYTECODE: '1' },
    extendEnv: false,
    stdin: 'ignore',
    timeout: TIMEOUT_MS,
  });
  return knownNeedsSchema.parse(JSON.parse(stdout));
}
