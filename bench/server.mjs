import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { projectRoot } from './prepare.mjs';

/**
 * A server in a process of its own, as a user runs it.
 *
 * @typedef {object} Server
 * @property {string} url
 * @property {number} pid
 * @property {(matches: (line: Record<string, any>) => boolean) => Promise<Record<string, any>>} line a log line,
 *   written already or still to come
 * @property {() => Promise<void>} end stops it and removes its data
 */

/**
 * Starts the built server with an empty data directory, and waits until its worker and both media children are up.
 *
 * @param {import('./prepare.mjs').Bench} bench
 * @param {{ settings?: object, env?: NodeJS.ProcessEnv }} [options] `settings`: keys as in the configuration file
 * @returns {Promise<Server>}
 */
export async function startServer({ folder, media, engine }, { settings = {}, env = {} } = {}) {
  const dataDir = await mkdtemp(path.join(folder, 'server-'));
  const configFile = path.join(dataDir, 'config.json');
  const fixed = { port: 0, data_dir: '.', min_free_disk: '1MB', devices: ['cpu'] };
  writeFileSync(configFile, JSON.stringify({ ...fixed, ...settings }));
  const child = spawn(process.execPath, ['dist/main.js', '--config', configFile], {
    cwd: projectRoot,
    env: {
      ...withoutSettings(process.env),
      MSST_SERVE_INTERNAL_MEDIA_PYTHON: media,
      MSST_SERVE_INTERNAL_ENGINE_PYTHON: engine,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = () => child.kill();
  process.once('exit', kill);

  const line = watchLog(child);
  const { url } = await line(({ msg }) => msg === 'listening');
  await line(({ msg }) => msg === 'a worker is ready');
  return {
    url,
    pid: /** @type {number} */ (child.pid),
    line,
    async end() {
      const exit = once(child, 'exit');
      child.kill();
      await exit;
      process.off('exit', kill);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/**
 * The person's own settings must not change what is measured.
 *
 * @param {NodeJS.ProcessEnv} env
 */
function withoutSettings(env) {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('MSST_SERVE_')));
}

/** @param {import('node:child_process').ChildProcessByStdio<null, import('node:stream').Readable, null>} child */
function watchLog(child) {
  /** @type {Record<string, any>[]} */
  const lines = [];
  /** @type {Set<() => void>} */
  const waiting = new Set();
  const wake = () => waiting.forEach((look) => look());
  createInterface({ input: child.stdout }).on('line', (text) => {
    if (text.startsWith('{')) lines.push(JSON.parse(text));
    wake();
  });
  child.once('exit', wake);

  /** @type {Server['line']} */
  return (matches) =>
    new Promise((resolve, reject) => {
      const look = () => {
        const found = lines.find(matches);
        if (found) resolve(found);
        else if (child.exitCode !== null) reject(new Error(`the server ended: ${JSON.stringify(lines)}`));
        else return;
        waiting.delete(look);
      };
      waiting.add(look);
      look();
    });
}
