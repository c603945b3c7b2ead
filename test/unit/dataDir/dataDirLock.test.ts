import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { DataDirInUse, lockDataDir } from '../../../src/dataDir/dataDirLock.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

test('a second server is refused the directory, with words that help', async () => {
  const folder = await temporaryFolder();
  const unlock = lockDataDir(folder);
  expect(() => lockDataDir(folder)).toThrow(DataDirInUse);
  expect(() => lockDataDir(folder)).toThrow(/Another server is running on .*data_dir/);
  unlock();
});

test('the directory is free again once it was given back', async () => {
  const folder = await temporaryFolder();
  lockDataDir(folder)();
  const unlock = lockDataDir(folder);
  unlock();
});

test('two directories do not hinder each other', async () => {
  const unlock = [lockDataDir(await temporaryFolder()), lockDataDir(await temporaryFolder())];
  for (const each of unlock) each();
});

test('another process holds it for as long as it lives, and not a moment longer, even when it is killed', async () => {
  const folder = await temporaryFolder();
  const script = `
    const Sqlite = require('better-sqlite3');
    new Sqlite(process.argv[1], { timeout: 0 }).exec('BEGIN EXCLUSIVE');
    console.log('held');
    setInterval(() => {}, 1e6);
  `;
  const holder = spawn(process.execPath, ['-e', script, path.join(folder, 'lock.db')], {
    cwd: path.resolve(import.meta.dirname, '../../..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    holder.kill('SIGKILL');
  });
  await once(holder.stdout, 'data');
  expect(() => lockDataDir(folder)).toThrow(DataDirInUse);
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  const unlock = lockDataDir(folder);
  unlock();
});

test('a directory that cannot be written is an error of its own, not another server', () => {
  expect(() => lockDataDir('/nonexistent/folder')).toThrow(
    expect.not.objectContaining({ name: 'DataDirInUse' }) as Error,
  );
});
