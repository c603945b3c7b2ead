import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const PRELOAD = path.join(import.meta.dirname, 'killPoints.mjs');
/** Longer than any process of a dead server may live, on a machine that has other things to do. */
const GONE_WITHIN_MS = 5_000;

/**
 * One life of the server under test.
 *
 * @typedef {object} Life
 * @property {Promise<string | undefined>} url where it listens; undefined when it ended before
 * @property {() => boolean} isOver
 * @property {Promise<{ code: number | null, signal: string | null }>} over
 * @property {(signal: 'SIGKILL' | 'SIGTERM') => void} end
 */

/**
 * @param {{ projectRoot: string, program: import('./bundle.mjs').Bundle, media: string, home: string }} where
 * @param {{ point: string, occurrence: number, victims: string } | undefined} kill
 * @returns {Life}
 */
export function startLife({ projectRoot, program, media, home }, kill) {
  const child = spawn(
    process.execPath,
    ['--import', PRELOAD, program.server, '--config', path.join(home, 'config.json')],
    {
      cwd: projectRoot,
      env: {
        ...process.env,
        MSST_SERVE_INTERNAL_MEDIA_PYTHON: media,
        MSST_SERVE_INTERNAL_ENGINE_PYTHON: program.worker,
        STAND_IN_PLAN: path.join(home, 'plan'),
        KILL_RECORD: path.join(home, 'killed'),
        ...(kill && {
          KILL_POINT: kill.point,
          KILL_OCCURRENCE: String(kill.occurrence),
          KILL_VICTIMS: kill.victims,
        }),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let isOver = false;
  const over = new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      isOver = true;
      resolve({ code, signal });
    });
  });
  const url = new Promise((resolve) => {
    void over.then(() => resolve(undefined));
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('"msg":"listening"')) resolve(JSON.parse(line).url);
    });
  });
  return { url, isOver: () => isOver, over, end: (signal) => void child.kill(signal) };
}

/**
 * Waits until no process is left that a server of this run, or any child of it, has started.
 *
 * @param {string} home
 * @returns {Promise<{ orphans: string[], afterMs: number }>} what still lived at the deadline, and how long it took
 */
export async function untilAlone(home) {
  const since = performance.now();
  for (;;) {
    const orphans = processesOf(home);
    const afterMs = performance.now() - since;
    if (orphans.length === 0 || afterMs > GONE_WITHIN_MS) return { orphans, afterMs };
    await sleep(10);
  }
}

/**
 * All that inherited this run's environment.
 *
 * @param {string} home
 */
function processesOf(home) {
  const mark = `STAND_IN_PLAN=${path.join(home, 'plan')}\0`;
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      // Of a process that has ended and was not waited for, this is empty.
      return readFileSync(`/proc/${name}/environ`, 'latin1').includes(mark);
    } catch {
      return false;
    }
  });
}
