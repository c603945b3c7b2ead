import { SetupError } from './setupError.mjs';

/** Answers `ok` where better-sqlite3 opens a database; its absence is no fault of the binary. */
const trial = `try { new (require('better-sqlite3'))(':memory:').close(); console.log('ok'); }
catch (error) { console.log(error.message); process.exitCode = 1; }`;

/**
 * Loads better-sqlite3 in the Node that will serve, right after it was built: npm may have compiled it against another
 * Node's headers (its setting \`nodedir\`). Then it is built once more with this Node's own.
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
    `better-sqlite3 was installed and does not load in this Node.js (${process.version}): ${why.replace(/\.$/, '')}. If npm is set to another Node's headers, remove that (npm config delete nodedir), and run the same command again. npm's whole output is in ${npm.log}.`,
  );
}
