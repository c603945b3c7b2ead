import { realpathSync } from 'node:fs';
import path from 'node:path';

import { showPackagesOf } from '../../setup/engineVenv.mjs';
import { describe } from '../../setup/interpreters.mjs';
import { hashOf, readStamp, removeStamp, writeStamp } from '../../setup/stamp.mjs';
import { makeVenv, pipInstall, pythonOf } from '../../setup/venv.mjs';

/**
 * The interpreter of a peer: an environment of its own, made once, that sees the engine's packages below its own. So
 * all compute with one torch.
 *
 * @param {import('../prepare.mjs').Bench} bench
 * @param {string} name
 * @param {string[]} requirements
 * @returns {Promise<string>}
 */
export async function peerPython({ setting, engine, runPython }, name, requirements) {
  const folder = path.join(setting.root, '.setup', 'peers');
  const venv = path.join(folder, name);
  const stamp = hashOf(requirements, engine, realpathSync(engine));
  if (readStamp(venv) === stamp) return pythonOf(venv);
  removeStamp(venv);
  const log = path.join(folder, `${name}.log`);
  await setting.report.step(`installing ${name}`, async () => {
    const base = await describe(setting, engine);
    if (!base || !('prefix' in base)) throw new Error(`${engine} does not run`);
    const torch = await runPython(engine, '-c', 'import torch; print(torch.__version__.partition("+")[0])');
    await makeVenv(setting, { venv, base, log });
    await showPackagesOf(setting, { venv, below: base });
    await pipInstall(setting, { venv, args: [...requirements, `torch==${torch.trim()}`], log });
  });
  writeStamp(venv, stamp);
  return pythonOf(venv);
}
