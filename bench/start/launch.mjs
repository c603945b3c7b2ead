import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { bundleFolder } from '../../setup/bundle.mjs';
import { projectRoot } from '../prepare.mjs';
import { freePort, hasEnded, watchLog, withoutSettings } from '../server.mjs';

const ASK_EVERY_MS = 2;
/** Which Python and which MSST the set-up was done for: others would be set up anew. */
const SET_UP_FOR = ['MSST_SERVE_PYTHON', 'MSST_SERVE_MSST_ROOT'];

/**
 * A server that was just spawned, and may not listen yet.
 *
 * @typedef {object} Launched
 * @property {string} url
 * @property {number} spawnedAt ms since the epoch
 * @property {import('../server.mjs').Server['line']} line a log line, with its own `time`
 * @property {() => Promise<number>} untilHealth ms from its spawn until `/health` answered 200
 * @property {() => Promise<void>} end stops it and removes its data
 */

/** The two ways to start: as a user does, and without npm and the look whether all is installed. */
export const COMMANDS = {
  npm: ['npm', 'start', '--'],
  node: [process.execPath, path.join(bundleFolder, 'main.js')],
};

/**
 * Spawns a server with an empty data directory, and waits for nothing.
 *
 * @param {import('../prepare.mjs').Bench} bench
 * @param {keyof typeof COMMANDS} how
 * @param {object} settings keys as in the configuration file
 * @returns {Promise<Launched>}
 */
export async function launch({ folder, media, engine }, how, settings = {}) {
  const dataDir = await mkdtemp(path.join(folder, 'start-'));
  const port = await freePort();
  const configFile = path.join(dataDir, 'config.json');
  writeFileSync(
    configFile,
    JSON.stringify({ port, data_dir: '.', min_free_disk: '1MB', reserve_disk: '1MB', ...settings }),
  );
  const [command, ...args] = /** @type {[string, ...string[]]} */ (COMMANDS[how]);
  const setUpFor = Object.entries(process.env).filter(([name]) => SET_UP_FOR.includes(name));
  const prepared = { MSST_SERVE_INTERNAL_MEDIA_PYTHON: media, MSST_SERVE_INTERNAL_ENGINE_PYTHON: engine };
  const spawnedAt = performance.timeOrigin + performance.now();
  const child = spawn(command, [...args, '--config', configFile], {
    cwd: projectRoot,
    env: {
      ...withoutSettings(process.env),
      ...(how === 'npm' ? Object.fromEntries(setUpFor) : prepared),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = () => child.kill();
  process.once('exit', kill);
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    spawnedAt,
    line: watchLog(child).line,
    async untilHealth() {
      while (!(await answers(`${url}/api/v1/health`))) {
        if (hasEnded(child)) throw new Error('the server ended before it answered');
        await setTimeout(ASK_EVERY_MS);
      }
      return performance.timeOrigin + performance.now() - spawnedAt;
    },
    async end() {
      const exit = once(child, 'exit');
      if (!hasEnded(child)) {
        child.kill();
        await exit;
      }
      process.off('exit', kill);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/**
 * Whether a GET is answered by 200.
 *
 * @param {string} url
 * @returns {Promise<boolean>}
 */
function answers(url) {
  return new Promise((resolve) => {
    http
      .get(url, { agent: false }, (response) => {
        response.resume().once('end', () => resolve(response.statusCode === 200));
      })
      .once('error', () => resolve(false));
  });
}
