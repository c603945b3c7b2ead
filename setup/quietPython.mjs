/**
 * The environment for importing from a person's own interpreter: "untouched" also means that no compiled
 * files are left in their packages.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv}
 */
export function quietPython(env) {
  return { ...env, PYTHONDONTWRITEBYTECODE: '1' };
}
