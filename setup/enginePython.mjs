import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { NeedsWork } from './access.mjs';
import { checkEngine, unservable } from './engineCheck.mjs';
import { engineVenv, engineVenvStamp } from './engineVenv.mjs';
import { describe, findInterpreters, interpreterMarks } from './interpreters.mjs';
import { pythonVariables } from './pythonVariables.mjs';
import { engineRequirementTexts } from './requirements.mjs';
import { SetupError } from './setupError.mjs';
import { hashOf, markOf, readText, statOf, writeWhole } from './stamp.mjs';

const mostRecords = 8;

/**
 * @typedef {object} EngineKeys the keys of the configuration that concern the engine
 * @property {string | null} python
 * @property {string | null} msstRoot
 * @property {string[]} extras packages that models need in addition to MSST's own requirements
 */

/**
 * @typedef {object} EngineRecord a successful check and the conditions under which it is still valid
 * @property {string} key
 * @property {string} python
 * @property {Record<string, unknown>} files the files that the check depended on, with their marks
 * @property {Record<string, unknown>} packages the package folders, which an install or removal changes, with
 *   their marks
 * @property {string | null} layer the stamp of `.venv-engine` if the interpreter is in it, else null
 * @property {object | null} [needs] absent in records written before it was checked
 * @property {object[] | null} [options] likewise
 */

/**
 * @typedef {object} CheckedEngine
 * @property {string} python
 * @property {string[]} files the files that the check depended on
 * @property {object | null} needs the architectures that its MSST builds, and the Python modules missing for them
 * @property {object[] | null} options the options of MSST's argument parser; null: unknown
 */

/**
 * Returns the interpreter of the engine: the configured one; else the first one found in which torch and the given
 * MSST import; else `.venv-engine` on top of the best one found. Only `.venv-engine` is ever changed.
 *
 * @param {import('./setUp.mjs').Setting} setting
 * @param {EngineKeys} keys from the configuration
 * @returns {Promise<Omit<CheckedEngine, 'files'>>}
 */
export async function enginePython(setting, keys) {
  const { root, report, access } = setting;
  const { extras } = keys;
  const msstRoot = resolve(keys.msstRoot ?? root);
  const python = keys.python === 'auto' ? null : keys.python;
  const key = keyOf(setting, { python, msstRoot, extras });
  const recordFile = join(root, '.setup', 'engine.json');
  const records = readRecords(recordFile);
  const recorded = records.find((record) => record.key === key);
  if (recorded && tellsAll(recorded) && stillHolds(root, recorded)) {
    return {
      python: recorded.python,
      needs: recorded.needs ?? null,
      options: recorded.options ?? null,
    };
  }

  // In a folder that cannot be written, the search is made at each start and its result is not recorded.
  if (access.kind === 'look') throw new NeedsWork('The Python that runs MSST');
  return report.step('preparing the Python that runs MSST', async () => {
    const engine = python
      ? await configured(setting, resolve(python), msstRoot)
      : await automatic(setting, msstRoot, extras);
    const record = await recordOf(setting, key, engine);
    if (access.kind === 'work') {
      mkdirSync(dirname(recordFile), { recursive: true });
      const others = records.filter((one) => one.key !== key).slice(0, mostRecords - 1);
      writeWhole(recordFile, JSON.stringify([record, ...others], null, 2));
    }
    report.detail(`MSST runs on ${engine.python}`);
    if (extras.length > 0 && !isLayer(root, engine.python)) {
      report.detail(
        `engine_extras are installed into .venv-engine only, and this interpreter is used as it is. To install them: ${engine.python} -m pip install ${extras.join(' ')}`,
      );
    }
    return { python: engine.python, needs: engine.needs, options: engine.options };
  });
}

/**
 * @param {import('./setUp.mjs').Setting} setting
 * @param {string} python
 * @param {string} msstRoot
 */
async function configured(setting, python, msstRoot) {
  const subject = `The interpreter that "python" in the configuration names (${python})`;
  if (!statOf(python)?.isFile()) {
    throw new SetupError(
      `${subject} is not a file. Name the python file itself (such as /path/to/env/bin/python), or remove the key, and run the same command again.`,
    );
  }
  const check = await checkEngine(setting, python, msstRoot);
  if (check.ok) return { ...check, python };
  if (check.is_to_blame) throw new SetupError(unservable(msstRoot, check.error));
  const why = check.missing_module ? `the module "${check.missing_module}" is missing there` : check.error;
  throw new SetupError(
    `${subject} cannot run the MSST in ${msstRoot}: ${why}. ${check.missing_module ? `Install it there (${python} -m pip install, with the name of its package)` : 'Repair that environment'} (msst-serve does not change it), set another interpreter, or remove the key, and run the same command again.${pythonVariables(setting.env)}`,
  );
}

/**
 * @param {import('./setUp.mjs').Setting} setting
 * @param {string} msstRoot
 * @param {string[]} extras
 */
async function automatic(setting, msstRoot, extras) {
  const interpreters = await findInterpreters(setting);
  for (const { has_torch, executable } of interpreters) {
    if (!has_torch) continue;
    const check = await checkEngine(setting, executable, msstRoot);
    if (check.ok) return { ...check, python: executable };
  }
  return engineVenv(setting, { interpreters, msstRoot, extras });
}

/**
 * @param {import('./setUp.mjs').Setting} setting
 * @param {{ python: string | null, msstRoot: string, extras: string[] }} chosen
 */
function keyOf({ root, env }, { python, msstRoot, extras }) {
  const inference = join(msstRoot, 'inference.py');
  return hashOf(
    engineRequirementTexts(root),
    python ? [resolve(python), markOf(python), env.PYTHONPATH ?? null] : interpreterMarks(root, env),
    [msstRoot, markOf(inference)],
    extras,
  );
}

/**
 * @param {string} file
 * @returns {EngineRecord[]}
 */
function readRecords(file) {
  try {
    const records = JSON.parse(readText(file) ?? '[]');
    return Array.isArray(records) ? records : [];
  } catch {
    return [];
  }
}

/**
 * @param {import('./setUp.mjs').Setting} setting
 * @param {string} key
 * @param {CheckedEngine} engine
 * @returns {Promise<EngineRecord>}
 */
async function recordOf(setting, key, { python, files, needs, options }) {
  const description = await describe(setting, python);
  const folders = description && 'prefix' in description ? description.site_folders : [];
  return {
    key,
    python,
    files: Object.fromEntries(files.map((path) => [path, markOf(path)])),
    packages: Object.fromEntries(folders.map((path) => [path, markOf(path)])),
    layer: isLayer(setting.root, python) ? engineVenvStamp(setting.root) : null,
    needs,
    options,
  };
}

/**
 * @param {EngineRecord} record
 * @returns {boolean} whether the record contains everything that is checked today
 */
function tellsAll({ needs, options }) {
  return needs !== undefined && options !== undefined;
}

/**
 * @param {string} root
 * @param {EngineRecord} record
 */
function stillHolds(root, { python, files, packages, layer }) {
  return (
    existsSync(python) &&
    [files, packages].every((marks) =>
      Object.entries(marks).every(([path, mark]) => hashOf(markOf(path)) === hashOf(mark)),
    ) &&
    (!isLayer(root, python) || (layer !== null && layer === engineVenvStamp(root)))
  );
}

/**
 * @param {string} root
 * @param {string} python
 */
function isLayer(root, python) {
  return python.startsWith(join(root, '.venv-engine', '/'));
}
