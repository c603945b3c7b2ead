import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { noVenvModule } from './interpreters.mjs';
import { diskProblem, SetupError, shortened } from './setupError.mjs';

const isConflict = /ResolutionImpossible|conflicting dependencies/;

/** The missing packages are incompatible with those already installed. */
export class VersionConflict extends SetupError {}

/**
 * @param {string} venv
 * @returns {string} its interpreter
 */
export function pythonOf(venv) {
  return join(venv, 'bin', 'python');
}

/**
 * Creates a virtual environment; removes anything at that path first.
 *
 * @param {import('./setUp.mjs').Setting} setting
 * @param {{ venv: string, base: import('./interpreters.mjs').Interpreter, flags?: string[], log: string }} options
 */
export async function makeVenv({ run }, { venv, base, flags = [], log }) {
  if (!base.can_make_venv) throw new SetupError(noVenvModule(base));
  rmSync(venv, { recursive: true, force: true });
  const { code, output } = await run(base.executable, ['-m', 'venv', ...flags, venv], { log });
  if (code === 0 && existsSync(pythonOf(venv))) return;
  rmSync(venv, { recursive: true, force: true });
  if (/ensurepip/.test(output) && !diskProblem(output)) throw new SetupError(noVenvModule(base));
  throw new SetupError(
    `${diskProblem(output) ?? `Python (${base.executable}) could not make a virtual environment: ${lastLine(output)}.`} The whole output is in ${log}.`,
  );
}

/**
 * @param {import('./setUp.mjs').Setting} setting
 * @param {{ venv: string, args: string[], log: string, advice?: string }} options `args` for `pip install`;
 *   `advice` for packages that are not available, in place of that for MSST's own packages
 */
export async function pipInstall({ env, run, report }, { venv, args, log, advice }) {
  const { code, output } = await run(
    pythonOf(venv),
    ['-m', 'pip', 'install', '--progress-bar', 'off', ...args],
    {
      env: pipEnvironment(env),
      log,
      appendLog: true,
      onLine: (line) => {
        const short = shortLine(line);
        if (short) report.detail(short);
      },
    },
  );
  if (code === 0) return;
  const Kind = isConflict.test(output) ? VersionConflict : SetupError;
  throw new Kind(`${pipProblem(output, advice)} pip's whole output is in ${log}.`);
}

/**
 * @param {import('./setUp.mjs').Setting} setting
 * @param {{ venv: string, name: string, log: string }} options `name` of the package to remove
 */
export async function pipUninstall({ env, run }, { venv, name, log }) {
  const args = ['-m', 'pip', 'uninstall', '--yes', name];
  await run(pythonOf(venv), args, { env: pipEnvironment(env), log, appendLog: true });
}

/**
 * Keeps the user's pip settings (index, proxy, cache) except those that would install packages outside our own
 * environment: `user = true` and `target` write into the user's folders.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv}
 */
function pipEnvironment(env) {
  const { PIP_TARGET, PIP_PREFIX, PIP_ROOT, PIP_DRY_RUN, ...rest } = env;
  return { ...rest, PIP_USER: '0', PIP_NO_INPUT: '1', PIP_DISABLE_PIP_VERSION_CHECK: '1' };
}

/**
 * @param {string} line of pip
 * @returns {string | null} the progress message for it; null if it is not worth showing
 */
function shortLine(line) {
  const collecting = /^Collecting ([A-Za-z0-9._-]+)/.exec(line);
  if (collecting) return `${collecting[1]}…`;
  const large = /^\s+Downloading (?:\S*\/)?(\S+) \((\d+(?:\.\d+)? (?:[MG]B))\)/.exec(line);
  if (large && (large[2]?.endsWith('GB') || parseFloat(large[2] ?? '') >= 20)) {
    return `downloading ${large[1]} (${large[2]})…`;
  }
  const building = /^Building wheels? for collected packages: (.*)/.exec(line);
  if (building) return `building ${building[1]}…`;
  const installing = /^Installing collected packages: (.*)/.exec(line);
  const packages = installing?.[1]?.split(', ') ?? [];
  if (packages.length > 0)
    return `unpacking ${packages.length === 1 ? packages[0] : `${packages.length} packages`}…`;
  return null;
}

/**
 * @param {string} output
 * @param {string} [advice] replaces the advice on MSST's own packages
 */
function pipProblem(output, advice) {
  const full = diskProblem(output);
  if (full) return full;
  if (
    /Failed to establish a new connection|Temporary failure in name resolution|Name or service not known|ConnectTimeoutError|ReadTimeoutError|Read timed out|ProxyError|Network is unreachable|Connection refused/i.test(
      output,
    )
  ) {
    return 'The Python packages could not be downloaded: the network or the package index cannot be reached. Check the connection (or the proxy settings of pip) and run the same command again.';
  }
  if (isConflict.test(output)) {
    const wanted = /Cannot install (.*?) because these package versions have conflicting/.exec(output)?.[1];
    const usual =
      'Set "python" in the configuration to an interpreter of your own that runs MSST, or deactivate this environment, and run the same command again.';
    return `pip found no versions of the missing packages that are compatible with those already installed${wanted ? ` (${wanted})` : ''}, and installed ones are never replaced. ${advice ?? usual}`;
  }
  const none = /No matching distribution found for (\S+)/.exec(output)?.[1];
  if (none) {
    const usual =
      'Set "python" in the configuration to an interpreter that runs MSST, or install another Python (3.10 to 3.13), and run the same command again.';
    return `The package index has no "${none}" for this Python and machine. ${advice ?? usual}`;
  }
  return [`pip could not install the packages: ${lastLine(output)}.`, advice].filter(Boolean).join(' ');
}

/** @param {string} output */
function lastLine(output) {
  const lines = output.trim().split('\n');
  const error = lines.findLast((line) => /^(ERROR|Error)/.test(line)) ?? lines.at(-1) ?? '';
  return shortened(error.replace(/^(ERROR|Error):? */, '').replace(/\.$/, ''));
}
