import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { findOnPath } from './findOnPath.mjs';
import { diskProblem, SetupError } from './setupError.mjs';
import { hashOf, readStamp, readText, removeStamp, writeStamp } from './stamp.mjs';

/**
 * Installs the npm packages of the lock file, unless they are there for this lock file and this Node.
 *
 * @param {import('./setUp.mjs').Setting} setting
 */
export async function npmPackages({ root, env, run, report }) {
  const folder = join(root, 'node_modules');
  const stamp = hashOf(
    readText(join(root, 'package-lock.json')),
    process.versions.node,
    process.platform,
    process.arch,
  );
  if (readStamp(folder) === stamp) return;
  removeStamp(folder);
  const log = join(root, '.setup', 'npm.log');
  await report.step('installing npm packages (about a minute)', async () => {
    const npm = npmCommand(env);
    // The log level is set here because `npm --silent` would hand its own down and leave nothing to diagnose.
    const args = [...npm.args, 'ci', '--include=dev', '--loglevel=warn', '--no-audit', '--no-fund'];
    const outcome = await run(npm.command, args, { env: { ...env, ...nodeHeaders() }, log });
    if (outcome.code !== 0) throw new SetupError(explain(outcome, env, log));
  });
  writeStamp(folder, stamp);
}

/**
 * The npm that started us, which need not be the first on PATH.
 *
 * @param {NodeJS.ProcessEnv} env
 */
function npmCommand(env) {
  const script = env.npm_execpath;
  if (script && basename(script) === 'npm-cli.js' && existsSync(script)) {
    return { command: process.execPath, args: [script] };
  }
  return { command: 'npm', args: [] };
}

/** better-sqlite3 is compiled where no ready binary can be fetched; Node's own headers spare node-gyp a download. */
function nodeHeaders() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include', 'node', 'node.h')) ? { npm_config_nodedir: prefix } : {};
}

/**
 * @param {import('./runCommand.mjs').Outcome} outcome
 * @param {NodeJS.ProcessEnv} env
 * @param {string} log
 */
function explain({ code, output }, env, log) {
  return `${sentence(code, output, env)} npm's whole output is in ${log}.`;
}

/**
 * The compiler comes before the network: fetching a ready binary fails first also where the compiler is the fault.
 *
 * @param {number} code
 * @param {string} output
 * @param {NodeJS.ProcessEnv} env
 */
function sentence(code, output, env) {
  const full = diskProblem(output);
  if (full) return full;
  if (code === 127) {
    return 'npm was not found. Install npm (it comes with Node.js) and run the same command again.';
  }
  if (/gyp ERR!/.test(output)) {
    if (/find python|could not find any python/i.test(output)) {
      return `better-sqlite3 could not be compiled because no Python 3 was found. ${mend('python3')}`;
    }
    if (/not found: make|make: (command )?not found/.test(output) || !findOnPath('make', env)) {
      return `better-sqlite3 could not be compiled because "make" was not found. ${mend('build-essential')}`;
    }
    const compilers = ['c++', 'g++', 'clang++', ...(env.CXX?.split(' ').slice(0, 1) ?? [])];
    if (
      /(g\+\+|c\+\+|cc|gcc|clang): (command not found|no such file)/i.test(output) ||
      !compilers.some((name) => findOnPath(name, env))
    ) {
      return `better-sqlite3 could not be compiled because no C++ compiler was found. ${mend('build-essential')}`;
    }
  }
  if (/EBADENGINE/.test(output)) {
    return `A package does not run on this Node.js (${process.version}). Install Node.js 20.20 or newer, or 22 or newer, and run the same command again.`;
  }
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH/.test(output)) {
    return 'The npm packages could not be downloaded: the network or the package registry cannot be reached. Check the connection (or the proxy settings of npm) and run the same command again.';
  }
  if (/EACCES|EPERM|EROFS/.test(output)) {
    return 'npm may not write into this folder or its cache. Make them yours (ls -ld . ~/.npm shows whose they are) and run the same command again.';
  }
  if (/can only install packages when your package\.json and package-lock\.json/.test(output)) {
    return 'package.json and package-lock.json do not fit together. Restore both (git checkout package.json package-lock.json) and run the same command again.';
  }
  if (/gyp ERR!/.test(output)) {
    return 'better-sqlite3 could not be compiled. Check that the C++ compiler works and knows C++20 (g++ 11 or newer) and run the same command again.';
  }
  const said = output.split('\n').find((line) => /^npm (error|ERR!) (?!code)/.test(line));
  return `npm could not install the packages${said ? ` (${said.replace(/^npm (error|ERR!) /, '').trim()})` : ''}.`;
}

/** @param {string} debian */
function mend(debian) {
  const mac = debian === 'python3' ? 'macOS: brew install python' : 'macOS: xcode-select --install';
  return `Install it (Debian and Ubuntu: apt install ${debian}; ${mac}) and run the same command again.`;
}
