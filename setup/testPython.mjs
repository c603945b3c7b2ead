import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

import { requireWork } from './access.mjs';
import { installForArchitectures } from './architecturePackages.mjs';
import { showPackagesOf } from './engineVenv.mjs';
import { describe } from './interpreters.mjs';
import { SetupError } from './setupError.mjs';
import { hashOf, readStamp, readText, removeStamp, writeStamp } from './stamp.mjs';
import { makeVenv, pipInstall, pythonOf } from './venv.mjs';

/**
 * Prepares the interpreter of the tests: `.venv-test` contains their tools and sees the engine's packages, which
 * stay untouched. It must have the engine's Python version, for which torch and numpy are compiled.
 *
 * @param {import('./setUp.mjs').Setting} setting
 * @param {string} engine
 * @returns {Promise<string>}
 */
export async function testPython(setting, engine) {
  const { root, report } = setting;
  const venv = join(root, '.venv-test');
  const tools = join(root, 'setup', 'test-requirements.txt');
  const stampOf = () =>
    hashOf(
      readText(tools),
      readText(join(root, 'setup', 'architecture-requirements.txt')),
      engine,
      realpathSync(engine),
      realpathSync(pythonOf(venv)),
    );
  if (existsSync(pythonOf(venv)) && readStamp(venv) === stampOf()) return pythonOf(venv);
  requireWork(setting, 'The Python that runs the tests');
  removeStamp(venv);
  const log = join(root, '.setup', 'test.log');
  await report.step('preparing the Python that runs the tests', async () => {
    const base = await describe(setting, engine);
    if (!base || !('prefix' in base))
      throw new SetupError(`${engine} no longer runs. Run the same command again.`);
    await makeVenv(setting, { venv, base, log });
    await showPackagesOf(setting, { venv, below: base });
    await pipInstall(setting, { venv, args: ['-r', tools], log });
    // The tests build every architecture, even if the engine is a user's own environment.
    await installForArchitectures(setting, { venv, log });
  });
  writeStamp(venv, stampOf());
  return pythonOf(venv);
}
