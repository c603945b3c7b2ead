import path from 'node:path';
import { loadConfig } from './config/config.ts';

/**
 * Reads the settings that decide which Python the set-up prepares and what it installs there. Called by
 * `setup/run.mjs` before the server starts.
 *
 * @returns null when the configuration is invalid; the server itself reports why
 */
export function setupKeys(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd: string,
): { python: string | null; msstRoot: string | null; extras: readonly string[] } | null {
  try {
    const projectRoot = path.resolve(import.meta.dirname, '..');
    const { config } = loadConfig({ argv, env, cwd, projectRoot });
    const { python, msstRoot, engineExtras: extras } = config;
    return { python, msstRoot: msstRoot === projectRoot ? null : msstRoot, extras };
  } catch {
    return null;
  }
}
