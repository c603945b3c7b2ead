import { chmod, mkdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { makeDataDirPrivate } from '../../../src/dataDir/dataDir.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

let dataDir: string;
/** Played: it is the whole process's, and these tests may run in a thread of one. */
const umask = vi.spyOn(process, 'umask');
beforeEach(async () => {
  dataDir = path.join(await temporaryFolder(), 'srv', 'data');
  umask.mockReset().mockReturnValue(0o022);
});
afterEach(() => umask.mockReset());

/** A data directory of this mode, as a server left it that had worked in it, or somebody who made it for one. */
async function made(mode: number, isUsed: boolean): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  if (isUsed) await writeFile(path.join(dataDir, 'tasks.db'), '');
  await chmod(dataDir, mode);
}

/** What is taken from all that is written from now on. */
const masks = () => umask.mock.calls.flat();

test('a directory that was not there is made for its owner alone, and all that is written in it', async () => {
  expect(makeDataDirPrivate(dataDir)).toBeUndefined();
  expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
  expect(masks()).toEqual([0o077]);
});

test('a private one stays so, also with what is written in it from now on', async () => {
  await made(0o700, true);
  expect(makeDataDirPrivate(dataDir)).toBeUndefined();
  expect(masks()).toEqual([0o077]);
});

test.each([0o750, 0o755, 0o701])(
  'one of mode %o that a server has worked in keeps its ways, and the administrator is told',
  async (mode) => {
    await made(mode, true);
    expect(makeDataDirPrivate(dataDir)).toBe(
      `Other users of this machine can read ${dataDir} (mode ${mode.toString(8)}). The server did not change this; to make it private, run: chmod -R go= ${dataDir}`,
    );
    expect((await stat(dataDir)).mode & 0o777).toBe(mode);
    expect(masks()).toEqual([]);
  },
);

test('one that others may look into, but no server has worked in, is told, and what is written in it is private', async () => {
  await made(0o755, false);
  expect(makeDataDirPrivate(dataDir)).toContain('(mode 755)');
  expect(masks()).toEqual([0o077]);
});

test('one that cannot be made is told with why, and what to name instead', async () => {
  await mkdir(path.dirname(dataDir), { recursive: true });
  await writeFile(dataDir, 'a file');
  const sentence = (why: string, folder: string) =>
    `The data directory ${folder} cannot be made (${why}). Name another by data_dir or --data-dir: a folder on a local disk in which the server's user may write.`;
  expect(() => makeDataDirPrivate(dataDir)).toThrow(sentence('there is a file in its place', dataDir));
  const below = path.join(dataDir, 'below');
  expect(() => makeDataDirPrivate(below)).toThrow(sentence('there is a file in its place', below));
});
