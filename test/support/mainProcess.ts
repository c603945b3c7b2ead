import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { projectRoot } from './serverProcess.ts';

/** How a server process ended, and what it said. */
export interface EndedProcess {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the built server until it ends by itself. */
export async function runMain(args: readonly string[], cwd: string): Promise<EndedProcess> {
  const child = spawn(process.execPath, [`${projectRoot}/dist/main.js`, ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = once(child, 'exit');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [exitCode] = (await exit) as [number | null];
  return { exitCode, stdout, stderr };
}

/** A server process that runs. */
export interface StartedMain {
  url: string;
  /** Every line of its log so far, parsed. */
  log: Record<string, unknown>[];
  /** Stops it, and waits for its end. */
  end(): Promise<void>;
}

/** Starts the built server with these arguments, and waits until it listens. @throws with what it said, when it ends */
export async function startMain(args: readonly string[], cwd: string): Promise<StartedMain> {
  const child = spawn(process.execPath, [`${projectRoot}/dist/main.js`, ...args], {
    cwd,
    env: { ...process.env, MSST_SERVE_INTERNAL_ENGINE_PYTHON: standInWorker },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const log: StartedMain['log'] = [];
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => {
      reject(new Error(`the server ended with ${String(code)}: ${JSON.stringify(log)}`));
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      const entry = JSON.parse(line) as Record<string, unknown>;
      log.push(entry);
      if (entry['msg'] === 'listening') resolve(entry['url'] as string);
    });
  });
  return {
    url,
    log,
    async end() {
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
    },
  };
}

const standInWorker = path.join(import.meta.dirname, 'standIn', 'worker.mjs');
