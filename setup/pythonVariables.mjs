/**
 * What a person's own settings of Python may have to do with a failure: every Python that is started hears of them,
 * and what they name comes before the packages of its environment.
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
