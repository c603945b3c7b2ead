import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/**
 * @param {string} name a command's name, or an absolute path
 * @param {NodeJS.ProcessEnv} env
 * @returns {string | undefined} the first executable file of that name on PATH
 */
export function findOnPath(name, env) {
  return findAllOnPath(name, env)[0];
}

/**
 * @param {string} name
 * @param {NodeJS.ProcessEnv} env
 * @returns {string[]} every executable file of that name, in the order of PATH
 */
export function findAllOnPath(name, env) {
  if (isAbsolute(name)) return [name].filter(isExecutable);
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => isAbsolute(folder));
  return folders.map((folder) => join(folder, name)).filter(isExecutable);
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
