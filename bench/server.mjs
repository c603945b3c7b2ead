import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';

import { projectRoot } from './prepare.mjs';

/**
 * A server in a process of its own, as a user runs it.
 *
 * @typedef {object} Server
 * @property {string} url
 * @property {number} pid
 * @property {(matches: (line: Record<string, any>) => boolean) => Promise<Record<string, any>>} line a log line,
 *   written already or still to come
 * @property {(matches: (line: Record<string, any>) => boolean) => Promise<Record<string, any>>} nextLine a log line
 *   still to come
 * @property {() => void} ignoreLog reads no line any more, where reading would disturb what is measured
 * @property {() => void} kill ends it by SIGKILL
 * @property {() => Promise<void>} end stops it, unless it has ended, and removes its data
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
  const port = await freePort();
  const configFile = path.join(dataDir, 'config.json');
  const fixed = { port, data_dir: '.', min_free_disk: '1MB', reserve_disk: '1MB', devices: ['cpu'] };
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

  const log = watchLog(child);
  const url = `http://127.0.0.1:${port}`;
  await untilHealthy(url, child);
  return {
    url,
    pid: /** @type {number} */ (child.pid),
    ...log,
    kill: () => child.kill('SIGKILL'),
    async end() {
      if (!hasEnded(child)) {
        const exit = once(child, 'exit');
        child.kill();
        await exit;
      }
      process.off('exit', kill);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Whether a process is over. @param {import('node:child_process').ChildProcess} child */
export const hasEnded = ({ exitCode, signalCode }) => exitCode !== null || signalCode !== null;

/** A port that nobody listens at; asked of the server itself it would stand in the log, which may be silent. */
export async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (probe.address());
  probe.close();
  return port;
}

/**
 * @param {string} url
 * @param {import('node:child_process').ChildProcess} child
 */
async function untilHealthy(url, child) {
  for (;;) {
    /** @type {{ status: string } | null} */
    const report = await fetch(`${url}/api/v1/health`).then(
      (answer) => /** @type {Promise<{ status: string }>} */ (answer.json()),
      () => null,
    );
    if (report?.status === 'healthy') return;
    if (hasEnded(child)) throw new Error('the server ended before it was healthy');
    await setTimeout(100);
  }
}

/**
 * The person's own settings must not change what is measured.
 *
 * @param {NodeJS.ProcessEnv} env
 */
export function withoutSettings(env) {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('MSST_SERVE_')));
}

/**
 * Reads the log that a server writes to its standard output.
 *
 * @param {import('node:child_process').ChildProcessByStdio<null, import('node:stream').Readable, null>} child
 * @returns {Pick<Server, 'line' | 'nextLine' | 'ignoreLog'>}
 */
export function watchLog(child) {
  /** @type {Record<string, any>[]} */
  const lines = [];
  /** @type {Set<() => void>} */
  const waiting = new Set();
  const wake = () => waiting.forEach((look) => look());
  const reader = createInterface({ input: child.stdout }).on('line', (text) => {
    if (text.startsWith('{')) lines.push(JSON.parse(text));
    wake();
  });
  child.once('exit', wake);

  /**
   * @param {Parameters<Server['line']>[0]} matches
   * @param {number} from
   * @returns {ReturnType<Server['line']>}
   */
  const lineFrom = (matches, from) =>
    new Promise((resolve, reject) => {
      const look = () => {
        const found = lines.slice(from).find(matches);
        if (found) resolve(found);
        else if (hasEnded(child)) reject(new Error(`the server ended: ${JSON.stringify(lines)}`));
        else return;
        waiting.delete(look);
      };
      waiting.add(look);
      look();
    });

  return {
    line: (matches) => lineFrom(matches, 0),
    nextLine: (matches) => lineFrom(matches, lines.length),
    ignoreLog() {
      reader.close();
      child.stdout.resume();
    },
  };
}
