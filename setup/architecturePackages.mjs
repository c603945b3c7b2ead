import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { failingModules } from './probeModules.mjs';
import { readNeeds } from './requirements.mjs';
import { SetupError } from './setupError.mjs';
import { pipInstall, pipUninstall, pythonOf } from './venv.mjs';

/** @typedef {import('./setUp.mjs').Setting} Setting */
/** @typedef {import('./requirements.mjs').Need} Need */

/**
 * Installs the packages that only some architectures need. A failure does not prevent the start: the model scan
 * reports which models need them.
 *
 * @param {Setting} setting
 * @param {{ venv: string, log: string }} layer `.venv-engine`
 */
export async function installForArchitectures(setting, { venv, log }) {
  const needs = readNeeds(setting.root, 'architecture-requirements.txt');
  const missing = await failing(setting, venv, needs);
  if (missing.length === 0 || setting.access.kind !== 'work') return;
  // A package that the index lacks for this machine must not prevent installing the others.
  if (!(await tryToInstall(setting, { venv, log }, missing))) {
    for (const need of missing) {
      if (await tryToInstall(setting, { venv, log }, [need])) continue;
      setting.report.detail(
        `${need.requirement} could not be installed: models that need it are unavailable`,
      );
    }
  }
  await withoutItsLibraries(setting, { venv, log });
}

/**
 * @param {Setting} setting
 * @param {{ venv: string, log: string }} layer
 * @param {Need[]} needs
 * @returns {Promise<boolean>} whether pip installed all of them
 */
async function tryToInstall(setting, { venv, log }, needs) {
  const wanted = needs.map(({ requirement }) => requirement);
  try {
    await pipInstall(setting, { venv, args: ['--no-deps', ...wanted], log });
    return true;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return false;
  }
}

/**
 * Removes the compiled libraries of a torchaudio that fails to import. The index has only CUDA builds of
 * torchaudio, which do not load with a torch without CUDA. Without its libraries, torchaudio behaves as a build
 * without them (`_load_lib` in torchaudio/_extension/utils.py), and the part that networks use, its transforms, is
 * pure Python. If that does not fit the torch either, torchaudio is uninstalled: one that fails to import would be
 * taken for an available one.
 *
 * @param {Setting} setting
 * @param {{ venv: string, log: string }} layer
 */
async function withoutItsLibraries(setting, { venv, log }) {
  const libraries = librariesOf(venv);
  const torchaudio = { requirement: 'torchaudio', module: 'torchaudio' };
  if (libraries.length === 0 || (await failing(setting, venv, [torchaudio])).length === 0) return;
  for (const library of libraries) rmSync(library);
  if ((await failing(setting, venv, [torchaudio])).length === 0) return;
  await pipUninstall(setting, { venv, name: 'torchaudio', log });
  setting.report.detail('torchaudio does not match the installed torch: models that need it are unavailable');
}

/**
 * @param {string} venv
 * @returns {string[]} the compiled libraries of the torchaudio in this environment, not of one that it sees in its
 *   base
 */
function librariesOf(venv) {
  const lib = join(venv, 'lib');
  return readdirSync(lib)
    .map((version) => join(lib, version, 'site-packages', 'torchaudio', 'lib'))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((file) => /\.(so|dylib)$/.test(file));
}

/**
 * @param {Setting} setting
 * @param {string} venv
 * @param {Need[]} needs
 * @returns {Promise<Need[]>} those whose module fails to import
 */
async function failing(setting, venv, needs) {
  const modules = needs.map(({ module }) => module);
  const errors = await failingModules(setting, pythonOf(venv), modules);
  return needs.filter(({ module }) => errors.has(module));
}
