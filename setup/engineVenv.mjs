import { existsSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { requireWork } from './access.mjs';
import { installForArchitectures } from './architecturePackages.mjs';
import { checkEngine, unservable } from './engineCheck.mjs';
import { bestForVenv, describe } from './interpreters.mjs';
import { failingModules } from './probeModules.mjs';
import { pythonVariables } from './pythonVariables.mjs';
import { quietPython } from './quietPython.mjs';
import { engineRequirementTexts, readNeeds } from './requirements.mjs';
import { SetupError } from './setupError.mjs';
import { hashOf, readStamp, removeStamp, writeStamp } from './stamp.mjs';
import { makeVenv, pipInstall, pythonOf, VersionConflict } from './venv.mjs';

const mostRounds = 20;
/** Matches a package name without a version. */
const isName = /^[A-Za-z0-9._-]+$/;

/** @typedef {import('./setUp.mjs').Setting} Setting */
/** @typedef {import('./interpreters.mjs').Interpreter} Interpreter */
/** @typedef {{ venv: string, log: string, stamp: string, msstRoot: string }} Layer */

/**
 * Prepares `.venv-engine`, which sees every package of its base interpreter and contains only what is missing
 * there.
 *
 * @param {Setting} setting
 * @param {{ interpreters: Interpreter[], msstRoot: string, extras: string[] }} options
 * @returns {Promise<import('./enginePython.mjs').CheckedEngine>}
 */
export async function engineVenv(setting, { interpreters, msstRoot, extras }) {
  const { root } = setting;
  const venv = join(root, '.venv-engine');
  const log = join(root, '.setup', 'engine.log');
  const wanted = await wantedBase(setting, { interpreters, venv });
  if (wanted) await makeLayer(setting, { venv, base: wanted.base, log });
  const stamp = wanted ? stampOf(root, venv, wanted.base.prefix) : (readStamp(venv) ?? '');
  const layer = { venv, log, stamp, msstRoot };
  try {
    await installMissing(setting, layer);
  } catch (error) {
    if (!(error instanceof VersionConflict) || !wanted || wanted.hasTorch) throw error;
    // With no torch to reuse, no package of the base is worth a conflict.
    setting.report.detail('the installed packages conflict: creating a separate environment');
    await makeVenv(setting, { venv, base: wanted.base, log });
    await installMissing(setting, layer);
  }
  writeStamp(venv, stamp);
  await installForArchitectures(setting, layer);
  await installExtras(setting, layer, extras);
  return { ...(await satisfyCheckout(setting, layer)), python: pythonOf(venv) };
}

/**
 * @param {Setting} setting
 * @param {{ venv: string, base: Interpreter, log: string }} options
 */
async function makeLayer(setting, { venv, base, log }) {
  requireWork(setting, 'The Python that runs MSST');
  removeStamp(venv);
  await makeVenv(setting, { venv, base, flags: base.is_venv ? [] : ['--system-site-packages'], log });
  if (base.is_venv) await showPackagesOf(setting, { venv, below: base });
}

/**
 * @param {string} root
 * @returns {string | null} changes when `.venv-engine` is rebuilt; null when it is incomplete
 */
export function engineVenvStamp(root) {
  const venv = join(root, '.venv-engine');
  return existsSync(pythonOf(venv)) ? readStamp(venv) : null;
}

/**
 * Makes the packages of another interpreter visible to that of `venv`, after its own. Uses `addsitedir` rather
 * than the bare path: it also processes the other's .pth files, through which editable installs are found.
 *
 * @param {Setting} setting
 * @param {{ venv: string, below: Interpreter }} options
 */
export async function showPackagesOf(setting, { venv, below }) {
  const own = await describe(setting, pythonOf(venv));
  const folder = own && 'prefix' in own ? own.own_site_folder : null;
  if (folder === null) throw new SetupError(`${venv} has no folder for packages. Delete it and run again.`);
  const lines = below.site_folders.map((place) => `import site; site.addsitedir(${JSON.stringify(place)})\n`);
  writeFileSync(join(folder, 'packages_below.pth'), lines.join(''));
}

/**
 * @param {Setting} setting
 * @param {{ interpreters: Interpreter[], venv: string }} options
 * @returns {Promise<{ base: Interpreter, hasTorch: boolean } | null>} what to build on; null if the existing
 *   environment is up to date
 */
async function wantedBase(setting, { interpreters, venv }) {
  const { root } = setting;
  const stamp = engineVenvStamp(root);
  for (const one of interpreters.filter(({ has_torch }) => has_torch)) {
    if ((await failingModules(setting, one.executable, ['torch'])).size > 0) continue;
    const isBuilt = stamp !== null && stamp === stampOf(root, venv, one.prefix);
    return isBuilt ? null : { base: one, hasTorch: true };
  }
  // Without a torch to build on, any complete environment is as good as a new one.
  if (stamp && stamp === stampOf(root, venv, baseOf(stamp))) return null;
  return { base: bestForVenv(interpreters), hasTorch: false };
}

/**
 * @param {string} root
 * @param {string} venv
 * @param {string} base prefix of the base interpreter
 */
function stampOf(root, venv, base) {
  return JSON.stringify({
    requirements: hashOf(engineRequirementTexts(root)),
    python: realpathSync(pythonOf(venv)),
    base,
  });
}

/** @param {string} stamp */
function baseOf(stamp) {
  return String(JSON.parse(stamp).base);
}

/**
 * Installs those of MSST's requirements that fail to import, and nothing else.
 *
 * @param {Setting} setting
 * @param {Layer} layer
 */
async function installMissing(setting, layer) {
  const { root } = setting;
  const needs = readNeeds(root, 'engine-requirements.txt');
  const msst = layer.msstRoot === root ? readNeeds(root, 'msst-requirements.txt') : [];
  const failing = await failingOf(setting, layer, needs);
  if (failing.size > 0) {
    await install(setting, layer, needs, failing, []);
    const broken = await failingOf(setting, layer, needs);
    // A package that pip considers installed but that does not import is broken in the base: our own copy shadows
    // it.
    if (broken.size > 0) await install(setting, layer, needs, broken, ['--force-reinstall', '--no-deps']);
  }
  const still = failing.size > 0 ? await failingOf(setting, layer, needs) : failing;
  const [first] = still;
  if (first) throw new SetupError(unusable(setting, layer, first[0], first[1]));
  const failingMsst = await failingOf(setting, layer, msst);
  if (failingMsst.size > 0) {
    requireWork(setting, 'The Python that runs MSST');
    const args = ['--no-deps', '--ignore-requires-python', ...msst.map(({ requirement }) => requirement)];
    removeStamp(layer.venv);
    await pipInstall(setting, { venv: layer.venv, args, log: layer.log });
  }
}

/**
 * Installs the `engine_extras` of the configuration.
 *
 * @param {Setting} setting
 * @param {Layer} layer
 * @param {string[]} extras
 */
async function installExtras(setting, layer, extras) {
  const visible = new Set((await visibleVersions(setting, layer)).map((line) => normalName(line)));
  const wanted = extras.filter((extra) => !isName.test(extra) || !visible.has(normalName(extra)));
  if (wanted.length === 0) return;
  requireWork(setting, 'The Python that runs MSST');
  const constraints = await writeConstraints(setting, layer, wanted);
  try {
    const advice =
      'Correct or remove it in engine_extras of the configuration, and run the same command again.';
    const { venv, log } = layer;
    await pipInstall(setting, { venv, args: ['-c', constraints, ...wanted], log, advice });
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    throw new SetupError(
      `engine_extras could not be installed into ${layer.venv} without changing torch: ${error.message}`,
    );
  }
  const modules = wanted.map((extra) => (/^[A-Za-z0-9._-]+/.exec(extra)?.[0] ?? '').replaceAll('-', '_'));
  for (const [module, error] of await failingModules(setting, pythonOf(layer.venv), modules)) {
    // A package's modules may have other names.
    if (error.includes(`No module named '${module}'`)) continue;
    throw new SetupError(
      `engine_extras: ${module} is installed in ${layer.venv} but cannot be imported there (${error.replace(/\.$/, '')}): it does not match the torch or Python there. Choose another version or remove it in the configuration, and run the same command again.`,
    );
  }
}

/**
 * @param {Setting} setting
 * @param {Layer} layer
 * @param {import('./requirements.mjs').Need[]} needs
 */
function failingOf(setting, { venv }, needs) {
  return failingModules(
    setting,
    pythonOf(venv),
    needs.map(({ module }) => module),
  );
}

/**
 * @param {Setting} setting
 * @param {Layer} layer
 * @param {import('./requirements.mjs').Need[]} needs
 * @param {Map<string, string>} failing
 * @param {string[]} flags
 */
async function install(setting, layer, needs, failing, flags) {
  requireWork(setting, 'The Python that runs MSST');
  const wanted = needs.filter(({ module }) => failing.has(module)).map(({ requirement }) => requirement);
  if (failing.has('torch')) {
    setting.report.detail('installing torch, a large download: several minutes on a slow connection');
  }
  removeStamp(layer.venv);
  const constraints = await writeConstraints(setting, layer, wanted);
  await pipInstall(setting, {
    venv: layer.venv,
    args: [...flags, '-c', constraints, ...wanted],
    log: layer.log,
  });
}

/**
 * Writes a constraints file with every version already visible, so that the user's torch or numpy is not replaced.
 * It leaves out the packages to be installed, which are broken if present at all, and the installers, of which
 * each environment has its own.
 *
 * @param {Setting} setting
 * @param {Layer} layer
 * @param {string[]} wanted
 * @returns {Promise<string>} the constraints file
 */
async function writeConstraints(setting, layer, wanted) {
  const free = new Set([
    ...wanted.map((requirement) => normalName(requirement)),
    'pip',
    'setuptools',
    'wheel',
  ]);
  const visible = await visibleVersions(setting, layer);
  const lines = visible.filter((line) => !free.has(normalName(line)));
  const file = join(setting.root, '.setup', 'engine-constraints.txt');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

/**
 * @param {Setting} setting
 * @param {Layer} layer
 * @returns {Promise<string[]>} `name==version` of every package that its interpreter sees
 */
async function visibleVersions({ root, env, run }, { venv }) {
  const { stdout } = await run(pythonOf(venv), [join(root, 'setup', 'visible_versions.py')], {
    env: quietPython(env),
  });
  return stdout.split('\n').filter((line) => line !== '');
}

/** @param {string} requirement */
function normalName(requirement) {
  return (/^[A-Za-z0-9._-]+/.exec(requirement)?.[0] ?? '').toLowerCase().replace(/[-_.]+/g, '-');
}

/**
 * Installs known packages that a user's checkout imports beyond what MSST's inference needs, one import at a time.
 *
 * @param {Setting} setting
 * @param {Layer} layer
 * @returns {Promise<import('./engineCheck.mjs').EngineCheck>} the successful check
 */
async function satisfyCheckout(setting, layer) {
  const known = [
    ...readNeeds(setting.root, 'checkout-requirements.txt'),
    ...readNeeds(setting.root, 'msst-requirements.txt'),
  ];
  const added = new Set();
  for (let round = 0; round < mostRounds; round += 1) {
    const check = await checkEngine(setting, pythonOf(layer.venv), layer.msstRoot);
    if (check.ok) return check;
    const need = known.find(({ module }) => module === check.missing_module);
    if (!need || added.has(need.module)) {
      if (check.is_to_blame) throw new SetupError(unservable(layer.msstRoot, check.error));
      throw new SetupError(unusable(setting, layer, check.missing_module, check.error));
    }
    added.add(need.module);
    setting.report.detail(`this MSST also imports ${need.module}`);
    await install(setting, layer, [need], new Map([[need.module, '']]), []);
    writeStamp(layer.venv, layer.stamp);
  }
  throw new SetupError(unusable(setting, layer, null, 'it needs too many additional packages'));
}

/**
 * @param {Setting} setting
 * @param {Layer} layer
 * @param {string | null} module
 * @param {string | null} error
 */
function unusable({ env }, { venv, msstRoot }, module, error) {
  const why = error ? ` (${error})` : '';
  const also = pythonVariables(env);
  if (module === null) {
    return `The MSST in ${msstRoot} cannot be imported by ${pythonOf(venv)}${why}. Set "python" in the configuration to an interpreter that can run it, or fix the checkout, and run the same command again.${also}`;
  }
  return `The MSST in ${msstRoot} needs the Python module "${module}", which ${pythonOf(venv)} cannot import${why}. Set "python" in the configuration to an interpreter that has it, or install it into the environment you use for MSST, activate that one, and run the same command again.${also}`;
}
