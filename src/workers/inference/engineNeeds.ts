import { execa } from 'execa';
import { knownNeedsSchema, type KnownNeeds } from '../../config/knownNeeds.ts';
import type { ChildCommand } from '../process/childProcess.ts';

/** Upper bound for reading MSST's sources from a cold disk. */
const TIMEOUT_MS = 30_000;

/**
 * Asks the engine's interpreter what the MSST in use builds and needs. It reads the sources and imports nothing.
 *
 * @param loader the file and function that build the networks, as found by the set-up
 * @throws when the interpreter cannot be run or gives no valid answer, for example because a source is unreadable
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
