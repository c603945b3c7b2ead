import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { requireWork } from './access.mjs';
import { proveNativeModule } from './nativeModule.mjs';
import { npmHome } from './npmHome.mjs';
import { npmProblem } from './npmProblem.mjs';
import { SetupError } from './setupError.mjs';
import { hashOf, readStamp, readText, removeStamp, writeStamp } from './stamp.mjs';

/**
 * Overrides the user's npm settings that would leave this folder incomplete; the others (registry, proxy, cache)
 * stay.
 */
const ourOwn = [
  ...['--include=dev', '--include=optional', '--include=peer', '--ignore-scripts=false', '--dry-run=false'],
  ...['--global=false', '--legacy-peer-deps=false', '--strict-peer-deps=false', '--install-strategy=hoisted'],
];

/**
 * Installs the npm packages of the lock file, unless they are already installed for this lock file and this Node.
 *
 * @param {import('./setUp.mjs').Setting} setting
 */
export async function npmPackages(setting) {
  const { root, env, run, report } = setting;
  const folder = join(root, 'node_modules');
  const stamp = hashOf(
    readText(join(root, 'package-lock.json')),
    process.versions.node,
    process.platform,
    process.arch,
  );
  if (readStamp(folder) === stamp) return;
  requireWork(setting, `The npm packages for Node.js ${process.version}`);
  removeStamp(folder);
  const log = join(root, '.setup', 'npm.log');
  await report.step('installing npm packages (about a minute)', async () => {
    const npm = npmCommand(env);
    // The log level is set here because `npm --silent` would pass its own on and leave nothing to diagnose.
    const args = [...npm.args, 'ci', ...ourOwn, '--loglevel=warn', '--no-audit', '--no-fund'];
    const outcome = await run(npm.command, args, {
      env: { ...env, ...npmHome(root, env), ...nodeHeaders() },
      log,
    });
    if (outcome.code !== 0) {
      throw new SetupError(`${await npmProblem(setting, outcome)} npm's whole output is in ${log}.`);
    }
    await proveNativeModule(setting, { ...npm, log });
  });
  writeStamp(folder, stamp);
}

/**
 * Returns the npm that started this process, which need not be the first on PATH, or else the one on PATH.
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

/**
 * Lets node-gyp use Node's own headers, without a download, if better-sqlite3 has no prebuilt binary and is
 * compiled.
 */
function nodeHeaders() {
  const prefix = dirname(dirname(process.execPath));
  const version = readText(join(prefix, 'include', 'node', 'node_version.h')) ?? '';
  const abi = /^#define NODE_MODULE_VERSION (\d+)/m.exec(version)?.[1];
  return abi === process.versions.modules ? { npm_config_nodedir: prefix } : {};
}
