/**
 * Returns the environment for importing from a user's own interpreter, in which no bytecode files may be written
 * to the packages.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv}
 */
export function quietPython(env) {
  return { ...env, PYTHONDONTWRITEBYTECODE: '1' };
}
