import { findOnPath } from './findOnPath.mjs';
import { installCommand } from './installCommand.mjs';
import { diskProblem } from './setupError.mjs';

/** The npm version that is known to accept the lock file. */
const testedNpm = '10.8.2';

/**
 * Explains why `npm ci` failed and how to fix it. The compiler is checked before the network: downloading a
 * prebuilt binary fails first even if the compiler is the cause.
 *
 * @param {import('./setUp.mjs').Setting} setting
 * @param {import('./runCommand.mjs').Outcome} outcome
 * @returns {Promise<string>}
 */
export async function npmProblem(setting, { code, output }) {
  const { env } = setting;
  const full = diskProblem(output);
  if (full) return full;
  if (code === 127) {
    return 'npm was not found. Install npm (it comes with Node.js) and run the same command again.';
  }
  if (/gyp ERR!/.test(output)) {
    if (/find python|could not find any python/i.test(output)) {
      return `better-sqlite3 could not be compiled because no Python 3 was found. ${mend('python')}`;
    }
    if (/not found: make|make: (command )?not found/.test(output) || !findOnPath('make', env)) {
      return `better-sqlite3 could not be compiled because "make" was not found. ${mend('compiler')}`;
    }
    const compilers = ['c++', 'g++', 'clang++', ...(env.CXX?.split(' ').slice(0, 1) ?? [])];
    if (
      /(g\+\+|c\+\+|cc|gcc|clang): (command not found|no such file)/i.test(output) ||
      !compilers.some((name) => findOnPath(name, env))
    ) {
      return `better-sqlite3 could not be compiled because no C++ compiler was found. ${mend('compiler')}`;
    }
    // The same output reports that no prebuilt binary could be downloaded, which is no fault if one can be
    // compiled.
    if (/`make` failed with exit code/.test(output)) return compileProblem(setting);
  }
  if (/EBADENGINE/.test(output)) {
    return `A package does not run on this Node.js (${process.version}). Install Node.js 20.20 or newer, or 22 or newer, and run the same command again.`;
  }
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH/.test(output)) {
    return 'The npm packages could not be downloaded: the network or the package registry cannot be reached. Check the connection (or the proxy settings of npm) and run the same command again.';
  }
  if (/EACCES|EPERM|EROFS/.test(output)) {
    return 'npm cannot write to this folder or its cache. Make them yours (ls -ld . ~/.npm shows their owners) and run the same command again.';
  }
  if (/can only install packages when your package\.json and package-lock\.json/.test(output)) {
    return lockProblem(setting, output);
  }
  if (/gyp ERR!/.test(output)) return compileProblem(setting);
  const said = output.split('\n').find((line) => /^npm (error|ERR!) (?!code)/.test(line));
  return `npm could not install the packages${said ? ` (${said.replace(/^npm (error|ERR!) /, '').trim()})` : ''}.`;
}

/**
 * Explains a failed compilation. The makefiles of node-gyp pass the folder's path to a shell unquoted.
 *
 * @param {import('./setUp.mjs').Setting} setting
 */
function compileProblem({ root }) {
  const odd = /['"`$\\();&|<>*?[\]~]/.exec(root)?.[0];
  if (odd !== undefined) {
    return `better-sqlite3 could not be compiled in a folder whose path contains ${odd}. Move this folder to a path of letters, digits and hyphens, and run the same command again there.`;
  }
  return 'better-sqlite3 could not be compiled. Check that the C++ compiler works and supports C++20 (g++ 11 or newer) and run the same command again.';
}

/**
 * Explains why npm rejects the lock file. npm 10 and 11 read lock files differently, so it need not have been
 * changed.
 *
 * @param {import('./setUp.mjs').Setting} setting
 * @param {string} output
 */
async function lockProblem({ root, run }, output) {
  const said = /^npm (?:error|ERR!) ((?:Missing|Invalid): .*)/m.exec(output)?.[1]?.replace(/\.$/, '');
  const refusal = `According to npm, package.json and package-lock.json do not match${said ? ` (${said})` : ''}.`;
  const changed = await run('git', [
    '-C',
    root,
    'status',
    '--porcelain',
    '--',
    'package.json',
    'package-lock.json',
  ]);
  if (changed.code === 0 && changed.stdout.trim() === '') {
    return `${refusal} Neither was changed since the last commit, so this npm version reads them differently: run npx -y npm@${testedNpm} start (or test).`;
  }
  return `${refusal} Restore both (git checkout package.json package-lock.json) or, after a change of package.json, regenerate the lock file (npm install --package-lock-only), and run the same command again.`;
}

/** @param {import('./installCommand.mjs').Need} need */
function mend(need) {
  return `Install it (${installCommand(need)}) and run the same command again.`;
}
