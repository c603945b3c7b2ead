/**
 * Names the user's Python environment variables that may have caused a failure: every Python reads them, and what
 * they name takes precedence over the packages of its environment.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {string} a sentence with a space before it, or nothing
 */
export function pythonVariables(env) {
  const set = ['PYTHONHOME', 'PYTHONPATH'].filter((name) => env[name]);
  if (set.length === 0) return '';
  const values = set.map((name) => `${name} (${env[name]})`).join(' and ');
  const without = set.map((name) => `-u ${name}`).join(' ');
  return ` Python also reads ${values}, which may be the reason: try env ${without} npm start.`;
}
