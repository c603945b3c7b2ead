import { quietPython } from './quietPython.mjs';

/**
 * @typedef {object} EngineCheck what `python -m python_worker check` answers
 * @property {boolean} ok torch and this MSST import, and its call shape is known
 * @property {string | null} missing_module the module whose absence stopped the import
 * @property {string | null} error
 * @property {string[]} files what the answer rests on: torch's and MSST's files
 */

/**
 * Asks an interpreter whether torch and the given MSST import there.
 *
 * @param {import('./setUp.mjs').Setting} setting
 * @param {string} python
 * @param {string} msstRoot
 * @returns {Promise<EngineCheck>}
 */
export async function checkEngine({ root, env, run }, python, msstRoot) {
  const { code, output, stdout } = await run(
    python,
    ['-m', 'python_worker', 'check', '--msst-root', msstRoot],
    {
      cwd: root,
      env: quietPython(env),
    },
  );
  try {
    const answer = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    return {
      ok: answer.ok === true,
      missing_module: answer.missing_module ?? null,
      error: answer.error ?? null,
      files: Array.isArray(answer.files) ? answer.files.map(String) : [],
    };
  } catch {
    const last = output.trim().split('\n').at(-1);
    const error = last === undefined || last === '' ? `it ended with code ${code} and said nothing` : last;
    return { ok: false, missing_module: null, error, files: [] };
  }
}
