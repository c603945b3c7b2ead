import { SetupError } from './setupError.mjs';

/** Prints `ok` if better-sqlite3 opens a database; otherwise prints the error and exits with 1. */
const trial = `try { new (require('better-sqlite3'))(':memory:').close(); console.log('ok'); }
catch (error) { console.log(error.message); process.exitCode = 1; }`;

/**
 * Checks that better-sqlite3, just installed, loads in the Node that will run the server: npm may have compiled it
 * against another Node's headers (its setting `nodedir`). If it does not load, rebuilds it once with this Node's
 * own headers.
 *
 * @param {import('./setUp.mjs').Setting} setting
 * @param {{ command: string, args: string[], log: string }} npm
 */
export async function proveNativeModule({ root, env, run }, npm) {
  const load = () => run(process.execPath, ['-e', trial], { cwd: root });
  const first = await load();
  if (first.code === 0) return;
  const rebuild = ['rebuild', 'better-sqlite3', '--ignore-scripts=false', '--loglevel=warn'];
  await run(npm.command, [...npm.args, ...rebuild], {
    env: { ...env, npm_config_nodedir: '' },
    log: npm.log,
    appendLog: true,
  });
  const second = await load();
  if (second.code === 0) return;
  const why = second.output.trim().split('\n')[0] ?? '';
  throw new SetupError(
    `better-sqlite3 was installed but does not load in this Node.js (${process.version}): ${why.replace(/\.$/, '')}. If npm is configured with another Node's headers, remove that setting (npm config delete nodedir), and run the same command again. npm's whole output is in ${npm.log}.`,
  );
}
