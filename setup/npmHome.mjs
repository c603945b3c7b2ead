import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Moves npm's cache, which is normally in the home folder, into `.setup` if there is no home folder (a container's
 * bare user) or it cannot be written.
 *
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv} the variables to add to npm's environment
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
