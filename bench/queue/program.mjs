import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const KEPT_LINES = 50;

/**
 * A program of somebody else's that runs.
 *
 * @typedef {object} Program
 * @property {(start: string) => Promise<string>} line the next line of its output that begins so
 * @property {(text: string) => void} tell writes a line to it
 * @property {Promise<void>} ended rejects with what it said last, when it does not end by itself and well
 * @property {() => Promise<void>} end
 */

/**
 * Starts a program.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ env: NodeJS.ProcessEnv, cwd: string }} options
 * @returns {Program}
 */
export function startProgram(command, args, options) {
  const child = spawn(command, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  /** @type {string[]} */
  const said = [];
  /** @type {string[]} */
  const unread = [];
  /** @type {Set<() => void>} */
  const waiting = new Set();
  /** @param {string} text */
  const keep = (text) => {
    if (text.trim() !== '') said.push(text);
    said.splice(0, said.length - KEPT_LINES);
  };
  createInterface({ input: child.stdout }).on('line', (text) => {
    keep(text);
    unread.push(text);
    waiting.forEach((look) => look());
  });
  createInterface({ input: child.stderr }).on('line', keep);
  // One that has ended tells why by its last words.
  child.stdin.on('error', () => undefined);

  /** @type {Promise<void>} */
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      process.off('exit', kill);
      if (code === 0) resolve();
      else reject(new Error(lastWords(said) || `it ended with ${String(code)}`));
    });
  });
  // Whoever waits for a line hears of it; nobody else needs to.
  ended.catch(() => undefined);

  return {
    ended,
    tell: (text) => child.stdin.write(`${text}\n`),
    line(start) {
      /** @type {Promise<string>} */
      const found = new Promise((resolve) => {
        const look = () => {
          const at = unread.findIndex((text) => text.startsWith(start));
          if (at === -1) return;
          waiting.delete(look);
          resolve(unread.splice(0, at + 1).at(-1) ?? '');
        };
        waiting.add(look);
        look();
      });
      const tooSoon = ended.then(() => {
        throw new Error(`it ended without "${start}"`);
      });
      return Promise.race([found, tooSoon]);
    },
    async end() {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
      const closed = once(child, 'close');
      child.kill('SIGTERM');
      await closed;
    },
  };
}

/**
 * The error of a traceback, or the last line.
 *
 * @param {string[]} said
 */
function lastWords(said) {
  const error = said.findLast((text) => /^[\w.]*(Error|Exception|Interrupt|NotFound)\b/.test(text));
  return (error ?? said.at(-1) ?? '').slice(0, 300);
}
