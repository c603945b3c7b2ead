import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { StringDecoder } from 'node:string_decoder';

import { Interrupted } from './setupError.mjs';

const killAfterMs = 3000;
const keptOutput = 4_000_000;
const keptLog = 50_000_000;
const longestLine = 64 * 1024;

/**
 * @typedef {object} RunOptions
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env]
 * @property {string} [log] file for the first 50 MB of the output; overwritten unless `appendLog`
 * @property {boolean} [appendLog]
 * @property {boolean} [show] the output goes to our own stdout and stderr instead
 * @property {(line: string) => void} [onLine] called with each line, cut to 64 KiB
 */

/**
 * @typedef {object} Outcome
 * @property {number} code exit status; 127 when the command could not be started, 128 when a signal ended it
 * @property {string} output stdout and stderr together, the last few MB
 * @property {string} stdout stdout alone, likewise
 */

/** @typedef {(command: string, args: string[], options?: RunOptions) => Promise<Outcome>} Run */

/**
 * Creates a runner whose commands do not outlive an interrupted set-up. Each child leads its own process group:
 * npm and pip start compilers, and a signal must reach all of them.
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
      const output = createTail();
      const stdout = createTail();
      /**
       * @param {import('node:stream').Readable | null} stream
       * @param {boolean} isStdout
       */
      const listen = (stream, isStdout) => {
        const decoder = new StringDecoder('utf8');
        const split = createSplitter(options.onLine);
        stream?.on('data', (/** @type {Buffer} */ bytes) => {
          const text = decoder.write(bytes);
          log(text);
          output.add(text);
          if (isStdout) stdout.add(text);
          split(text);
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
        resolve({ code, output: output.text(), stdout: stdout.text() });
      };
      child.on('error', (error) => {
        output.add(`${error.message}\n`);
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

/** Keeps the end of an unbounded text: that is where a command says why it failed. */
function createTail() {
  /** @type {string[]} */
  let parts = [];
  let length = 0;
  const text = () => parts.join('').slice(-keptOutput);
  return {
    text,
    /** @param {string} more */
    add(more) {
      parts.push(more);
      length += more.length;
      // Not trimmed on every call, which would copy the whole text each time.
      if (length < 2 * keptOutput) return;
      parts = [text()];
      length = keptOutput;
    },
  };
}

/**
 * @param {((line: string) => void) | undefined} onLine
 * @returns {(text: string) => void} accepts the text in pieces
 */
function createSplitter(onLine) {
  if (!onLine) return () => {};
  let rest = '';
  return (text) => {
    const lines = text.split('\n');
    const last = lines.pop() ?? '';
    for (const line of lines) {
      onLine((rest + line).slice(0, longestLine));
      rest = '';
    }
    if (rest.length < longestLine) rest += last;
  };
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
      // A full disk must not hide the command's own message about it.
      writable = false;
    }
  };
  attempt(() => {
    mkdirSync(dirname(log), { recursive: true });
    if (!appendLog) rmSync(log, { force: true });
  });
  let room = keptLog;
  return (text) => {
    if (room <= 0) return;
    room -= text.length;
    attempt(() => appendFileSync(log, room > 0 ? text : `${text}\n… further output omitted.\n`));
  };
}
