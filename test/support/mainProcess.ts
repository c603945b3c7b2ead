import { spawn } from 'node:child_process';
import { once } from 'node:events';
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
