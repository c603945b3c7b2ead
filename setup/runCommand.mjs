import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { StringDecoder } from 'node:string_decoder';

import { Interrupted } from './setupError.mjs';

const killAfterMs = 3000;
const keptOutput = 4_000_000;

/**
 * @typedef {object} RunOptions
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env]
 * @property {string} [log] file that takes the whole output; begun anew unless `appendLog`
 * @property {boolean} [appendLog]
 * @property {boolean} [show] the output goes to our own stdout and stderr instead
 * @property {(line: string) => void} [onLine]
 */

/**
 * @typedef {object} Outcome
 * @property {number} code exit status; 127 when the command could not be started, 128 when a signal ended it
 * @property {string} output stdout and stderr together, the last few MB
 * @property {string} stdout
 */

/** @typedef {(command: string, args: string[], options?: RunOptions) => Promise<Outcome>} Run */

/**
 * Runs commands so that none of them outlives an interrupted set-up. Each child leads its own process group:
 * npm and pip start compilers of their own, and a signal must reach all of them.
 *
 * @param {{ cwd: string, env: NodeJS.ProcessEnv, onSpawn: (pid: number | null) => void }} defaults
 * @returns {{ run: Run, stop: (signal: NodeJS.Signals) => void }}
 */
export function createRunner({ cwd, env, onSpawn }) {
  /** @type {Set<number>} */
  const groups = new Set();
  /** @type {NodeJS.Signals | null} */
  let stoppedBy = null;

  /** @type {Run} */
  async function run(command, args, options = {}) {
    if (stoppedBy) throw new Interrupted(stoppedBy);
    const outcome = await execute(command, args, options);
    if (stoppedBy) throw new Interrupted(stoppedBy);
    return outcome;
  }

  /**
   * @param {string} command
   * @param {string[]} args
   * @param {RunOptions} options
   * @returns {Promise<Outcome>}
   */
  function execute(command, args, options) {
    const log = createLog(options);
    return new Promise((resolve) => {
      const child = spawn(command, args, {
        cwd: options.cwd ?? cwd,
        env: options.env ?? env,
        detached: true,
        stdio: ['ignore', options.show ? 'inherit' : 'pipe', options.show ? 'inherit' : 'pipe'],
      });
      const { pid } = child;
      if (pid !== undefined) {
        groups.add(pid);
        onSpawn(pid);
      }
      let output = '';
      let stdout = '';
      /**
       * @param {import('node:stream').Readable | null} stream
       * @param {boolean} isStdout
       */
      const listen = (stream, isStdout) => {
        const decoder = new StringDecoder('utf8');
        let rest = '';
        stream?.on('data', (/** @type {Buffer} */ bytes) => {
          const text = decoder.write(bytes);
          log(text);
          output = (output + text).slice(-keptOutput);
          if (isStdout) stdout = (stdout + text).slice(-keptOutput);
          const lines = (rest + text).split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) options.onLine?.(line);
        });
      };
      listen(child.stdout, true);
      listen(child.stderr, false);
      /** @param {number} code */
      const end = (code) => {
        if (pid !== undefined) {
          groups.delete(pid);
          onSpawn(null);
        }
        resolve({ code, output, stdout });
      };
      child.on('error', (error) => {
        output += `${error.message}\n`;
        log(`${error.message}\n`);
        if (pid === undefined) end(127);
      });
      child.on('close', (code) => end(code ?? 128));
    });
  }

  return {
    run,
    stop(signal) {
      if (stoppedBy) return;
      stoppedBy = signal;
      for (const pid of groups) signalGroup(pid, 'SIGTERM');
      setTimeout(() => {
        for (const pid of groups) signalGroup(pid, 'SIGKILL');
      }, killAfterMs).unref();
    },
  };
}

/**
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 */
function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group ended by itself in the meantime.
  }
}

/**
 * @param {RunOptions} options
 * @returns {(text: string) => void}
 */
function createLog({ log, appendLog }) {
  if (!log) return () => {};
  let writable = true;
  /** @param {() => void} write */
  const attempt = (write) => {
    if (!writable) return;
    try {
      write();
    } catch {
      // A full disk must not hide the command's own message, which tells of it.
      writable = false;
    }
  };
  attempt(() => {
    mkdirSync(dirname(log), { recursive: true });
    if (!appendLog) rmSync(log, { force: true });
  });
  return (text) => attempt(() => appendFileSync(log, text));
}
