import { quietPython } from './quietPython.mjs';
import { shortened } from './setupError.mjs';

/**
 * @typedef {object} EngineCheck the result of `python -m python_worker check`
 * @property {boolean} ok torch and this MSST import and have separated a second of noise
 * @property {string | null} missing_module the missing module that made the import fail
 * @property {boolean} is_to_blame the MSST itself is unusable: no other interpreter would help
 * @property {string | null} error the error, without a final full stop
 * @property {object | null} needs the output of `python -m python_worker needs`
 * @property {object[] | null} options the options of MSST's argument parser; null: unknown
 * @property {string[]} files the files that the result depends on: torch's and MSST's
 */

/**
 * Checks whether torch and the given MSST import and separate in an interpreter.
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
      is_to_blame: answer.is_to_blame === true,
      error: typeof answer.error === 'string' ? answer.error.replace(/\.$/, '') : null,
      needs: answer.needs ?? null,
      options: Array.isArray(answer.options) ? answer.options : null,
      files: Array.isArray(answer.files) ? answer.files.map(String) : [],
    };
  } catch {
    const last = output.trim().split('\n').at(-1);
    const error =
      last === undefined || last === '' ? `it ended with code ${code} and said nothing` : shortened(last);
    return {
      ok: false,
      missing_module: null,
      is_to_blame: false,
      error,
      needs: null,
      options: null,
      files: [],
    };
  }
}

/**
 * @param {string} msstRoot
 * @param {string | null} error the reason, without a final full stop
 * @returns {string} a message that says what to do about an MSST that no interpreter can run
 */
export function unservable(msstRoot, error) {
  return `The MSST in ${msstRoot} cannot be served${error ? `: ${error}` : ''}. Supported: upstream checkouts since August 2024, the MSST-GUI forks, and others with the same structure (docs/compatibility.md). Set "msst_root" to one of these, or remove the key to use the MSST that comes with this server, and run the same command again.`;
}
