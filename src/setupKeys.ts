import path from 'node:path';
import { loadConfig } from './config.ts';

/**
 * The two settings that decide which Python the set-up prepares; called by `setup/run.mjs` before the server
 * starts. A configuration that cannot be read gives nulls here: the server itself reports it in full.
 */
export function setupKeys(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd: string,
): { python: string | null; msstRoot: string | null } {
  try {
    const projectRoot = path.resolve(import.meta.dirname, '..');
    const { config } = loadConfig({ argv, env, cwd, projectRoot });
    return { python: config.python, msstRoot: config.msstRoot === projectRoot ? null : config.msstRoot };
  } catch {
    return { python: null, msstRoot: null };
  }
}
