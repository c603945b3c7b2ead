import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

export const projectRoot = path.resolve(import.meta.dirname, '../..');

/** A server in a process of its own, as a user runs it, with the real engine. */
export interface ServerProcess {
  url: string;
  dataDir: string;
  process: ChildProcess;
  /** Every line of its log so far, parsed. */
  log: Record<string, unknown>[];
  /** Sends a signal and waits for the end, of its workers too: a folder they write to can go then. */
  end(signal: NodeJS.Signals): Promise<void>;
}

/**
 * Starts one and waits until it listens.
 *
 * @param options.settings configuration keys, as in the file
 * @param options.dataDir an existing data directory to go on with
 * @param options.env goes before what the tests' own environment says, as which engine to use
 * @param options.command what to run: the built server, or `npm start` for the whole path
 */
export async function startServerProcess(
  options: {
    settings?: Record<string, unknown>;
    dataDir?: string;
    env?: Record<string, string>;
    command?: readonly [string, ...string[]];
  } = {},
): Promise<ServerProcess> {
  const dataDir = options.dataDir ?? (await mkdtemp(path.join(os.tmpdir(), 'msst-serve-e2e-')));
  const configFile = path.join(dataDir, 'config.json');
  await writeFile(
    configFile,
    JSON.stringify({
      port: 0,
      data_dir: '.',
      min_free_disk: '1MB',
      reserve_disk: '1MB',
      devices: ['cpu'],
      ...options.settings,
    }),
  );
  const [command, ...args] = options.command ?? [process.execPath, 'dist/main.js'];
  const child = spawn(command, [...args, '--config', configFile], {
    cwd: projectRoot,
    env: { ...process.env, ...options.env },
    // A group of its own, so that a test can send it what a terminal's Ctrl-C sends.
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // A test that ran out of time must not leave a server to compute beside the next ones.
  const killGroup = () => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
  };
  process.once('exit', killGroup);
  child.once('exit', () => process.off('exit', killGroup));
  const log: Record<string, unknown>[] = [];
  const url = await new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      reject(new Error(`the server ended with ${String(code)}: ${JSON.stringify(log)}`));
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('{')) return;
      const entry = JSON.parse(line) as Record<string, unknown>;
      log.push(entry);
      if (entry['msg'] === 'listening') resolve(entry['url'] as string);
    });
  });
  return {
    url,
    dataDir,
    process: child,
    log,
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const workers = child.pid === undefined ? [] : await childrenOf(child.pid);
      const exit = once(child, 'exit');
      child.kill(signal);
      await exit;
      await waitUntilGone(workers.map((worker) => worker.pid));
    },
  };
}

/** Process ids of the Python children that work for this server. */
export async function pythonChildrenOf(parentPid: number): Promise<number[]> {
  const children = await childrenOf(parentPid);
  return children.filter((child) => child.command.includes('python_worker')).map((child) => child.pid);
}

/** The direct children of a process. */
export async function childrenOf(parentPid: number): Promise<{ pid: number; command: string }[]> {
  const children: { pid: number; command: string }[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    // The fields after the name, which may itself hold blanks and parentheses.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    if (parent === parentPid) children.push({ pid: Number(name), command });
  }
  return children;
}

/** Waits until none of these processes is alive. @throws when one still is after the deadline */
export async function waitUntilGone(pids: readonly number[], deadlineMs = 5_000): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  for (const pid of pids) {
    while (await isAlive(pid)) {
      if (performance.now() > deadline) throw new Error(`process ${String(pid)} is still alive`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => undefined);
  // A zombie has ended; whoever should wait for it is not of interest here.
  return stat !== undefined && !stat.slice(stat.lastIndexOf(')')).startsWith(') Z');
}
