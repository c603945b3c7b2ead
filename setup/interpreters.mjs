import { existsSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { findAllOnPath } from './findOnPath.mjs';
import { installCommand } from './installCommand.mjs';
import { pythonVariables } from './pythonVariables.mjs';
import { SetupError } from './setupError.mjs';
import { markOf } from './stamp.mjs';

/**
 * @typedef {object} Interpreter
 * @property {string} executable
 * @property {[number, number, number]} version
 * @property {string} prefix
 * @property {boolean} is_venv
 * @property {boolean} has_torch a module of that name is present; it may still fail to import
 * @property {boolean} can_make_venv
 * @property {string} own_site_folder where its own pip installs
 * @property {string[]} site_folders every folder of installed packages that it sees
 */

const names = ['python3', 'python', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python3.14'];
const oldest = [3, 10];
/** The newest Python that msst declares support for; a newer one is used only if there is no other. */
const newestDeclared = [3, 13];

/**
 * Lists the paths of possible Pythons without starting any: the active conda environment and venv, innermost first
 * (the one whose bin comes first on PATH), then PATH. Excludes our own environments.
 *
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env
 * @returns {string[]}
 */
function interpreterPaths(root, env) {
  const path = (env.PATH ?? '').split(delimiter);
  const active = [env.CONDA_PREFIX, env.VIRTUAL_ENV]
    .flatMap((prefix) => (prefix ? [prefix] : []))
    .map((prefix) => ({ bin: join(prefix, 'bin'), place: path.indexOf(join(prefix, 'bin')) }))
    .sort((a, b) => (a.place === -1 ? Infinity : a.place) - (b.place === -1 ? Infinity : b.place) || 0)
    .map(({ bin }) => join(bin, 'python'))
    .filter((file) => existsSync(file));
  const found = [...active, ...names.flatMap((name) => findAllOnPath(name, env))];
  return [...new Set(found)].filter((file) => !isOurs(root, file));
}

/**
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env
 * @returns {unknown} changes when an interpreter appears, disappears or is replaced
 */
export function interpreterMarks(root, env) {
  const chosen = [
    'CONDA_PREFIX',
    'VIRTUAL_ENV',
    'PYENV_VERSION',
    'PYTHONPATH',
    'PYTHONHOME',
    'PYTHONUSERBASE',
  ];
  return [
    interpreterPaths(root, env).map((path) => [path, markOf(path)]),
    chosen.map((name) => env[name] ?? null),
  ];
}

/**
 * Finds every usable Python, in the order of `interpreterPaths`, one for each installation.
 *
 * @param {import('./setUp.mjs').Setting} setting
 * @returns {Promise<Interpreter[]>} at least one, all of them 3.10 or newer
 */
export async function findInterpreters(setting) {
  const paths = interpreterPaths(setting.root, setting.env);
  const described = await Promise.all(paths.map((path) => describe(setting, path)));
  /** @type {Map<string, Interpreter>} */
  const usable = new Map();
  /** @type {string[]} */
  const tooOld = [];
  /** @type {string[]} */
  const broken = [];
  described.forEach((description, index) => {
    if (!description) return;
    const version = description.version.join('.');
    if ('prefix' in description && compareVersions(description.version, oldest) >= 0) {
      if (!isOurs(setting.root, join(description.prefix, 'bin')) && !usable.has(description.prefix)) {
        usable.set(description.prefix, description);
      }
    } else {
      const isOld = compareVersions(description.version, oldest) < 0;
      (isOld ? tooOld : broken).push(`${version} (${paths[index]})`);
    }
  });
  if (usable.size === 0) throw new SetupError(noPython(setting, tooOld, broken));
  return [...usable.values()];
}

/**
 * @param {Interpreter[]} interpreters
 * @returns {Interpreter} the newest one that MSST declares support for and that can make a venv
 */
export function bestForVenv(interpreters) {
  const able = interpreters.filter(({ can_make_venv }) => can_make_venv);
  const declared = able.filter(({ version }) => compareVersions(version, newestDeclared) <= 0);
  const best = (declared.length > 0 ? declared : able).reduce(
    (/** @type {Interpreter | null} */ newest, one) =>
      newest && compareVersions(newest.version, one.version) >= 0 ? newest : one,
    null,
  );
  if (best) return best;
  throw new SetupError(noVenvModule(/** @type {Interpreter} */ (interpreters[0])));
}

/**
 * @param {Interpreter} interpreter
 * @returns {string}
 */
export function noVenvModule({ executable, version }) {
  return `Python ${version.join('.')} (${executable}) cannot make virtual environments: its venv and ensurepip modules are missing. Install them (Debian and Ubuntu: apt install python${version[0]}.${version[1]}-venv) and run the same command again.`;
}

/**
 * @param {import('./setUp.mjs').Setting} setting
 * @param {string} path
 * @returns {Promise<Interpreter | { version: [number, number, number] } | null>} null if it is not a Python; only
 *   a version if it cannot run a program
 */
export async function describe({ root, run }, path) {
  const { code, stdout } = await run(path, [join(root, 'setup', 'describe_python.py')]);
  if (code === 0) {
    try {
      const description = JSON.parse(stdout);
      return { ...description, prefix: realpathSync(description.prefix) };
    } catch {
      // Not JSON: `--version` below still identifies it.
    }
  }
  const { output } = await run(path, ['--version']);
  const found = /Python (\d+)\.(\d+)\.(\d+)/.exec(output);
  return found ? { version: [Number(found[1]), Number(found[2]), Number(found[3])] } : null;
}

/**
 * @param {readonly number[]} a
 * @param {readonly number[]} b
 */
function compareVersions(a, b) {
  return (a[0] ?? 0) - (b[0] ?? 0) || (a[1] ?? 0) - (b[1] ?? 0);
}

/**
 * @param {string} root
 * @param {string} path
 */
function isOurs(root, path) {
  const real = existsSync(root) ? realpathSync(root) : root;
  return ['.venv', '.venv-engine', '.venv-test'].some(
    (name) => path.startsWith(join(root, name, '/')) || path.startsWith(join(real, name, '/')),
  );
}

/**
 * @param {import('./setUp.mjs').Setting} setting
 * @param {string[]} tooOld
 * @param {string[]} broken new enough according to `--version`, but unable to run a program
 */
function noPython({ env }, tooOld, broken) {
  const mend = `Install one (${installCommand('python')}) and run the same command again.`;
  if (broken.length > 0) {
    return `msst-serve needs Python 3.10 or newer; the ones found cannot run a program: ${broken.join(', ')}.${pythonVariables(env) || ` ${mend}`}`;
  }
  if (tooOld.length > 0) {
    return `msst-serve needs Python 3.10 or newer; the ones found are older: ${tooOld.join(', ')}. ${mend}`;
  }
  return `No Python 3.10 or newer was found (looked for an active conda or venv, then for ${names.join(', ')} on PATH). ${mend}`;
}
