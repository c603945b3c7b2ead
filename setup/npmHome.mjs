import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * npm keeps its cache at home. Where there is no home (a container's bare user), or one that cannot be written, the
 * cache lies here.
 *
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv} to be added to npm's environment
 */
export function npmHome(root, env) {
  const home = homeOf(env);
  if (home === null) return { HOME: join(root, '.setup', 'home') };
  try {
    accessSync(home, constants.W_OK);
    return {};
  } catch {
    return { npm_config_cache: env.npm_config_cache ?? join(root, '.setup', 'npm-cache') };
  }
}

/** @param {NodeJS.ProcessEnv} env */
function homeOf(env) {
  try {
    return env.HOME || homedir();
  } catch {
    return null;
  }
}
