import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockDataDir } from '../../src/dataDir/dataDirLock.ts';
import { projectRoot } from '../support/serverProcess.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-e2e-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Starts the built server on the folder and waits for its end, which must come by itself. */
async function runToItsEnd(settings: Record<string, unknown>) {
  const configFile = path.join(folder, 'config.json');
  await writeFile(configFile, JSON.stringify({ port: 0, data_dir: '.', ...settings }));
  const child = spawn(process.execPath, ['dist/main.js', '--config', configFile], {
    cwd: projectRoot,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number]>,
  ]);
  return { stdout, stderr, code };
}

test('a log file that cannot be written ends the start with a sentence that names it', async () => {
  await mkdir(path.join(folder, 'taken.log'));
  const { stdout, stderr, code } = await runToItsEnd({ log_file: 'taken.log' });
  expect(code).toBe(1);
  expect(stderr).toBe(
    `The log file ${path.join(folder, 'taken.log')} cannot be written (EISDIR). ` +
      `Set another log_file, or make this one writable for the server's user.\n`,
  );
  expect(stdout).toBe('');
});

test('the last line before a failed start ends is in the log file, as on stdout', async () => {
  const unlock = lockDataDir(folder);
  const { stdout, code } = await runToItsEnd({});
  unlock();
  expect(code).toBe(1);
  const logged = await readFile(path.join(folder, 'logs/server.log'), 'utf8');
  expect(logged).toBe(stdout);
  const last = JSON.parse(logged.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;
  expect(last).toMatchObject({ level: 60, msg: expect.stringContaining('Another server') as string });
});
