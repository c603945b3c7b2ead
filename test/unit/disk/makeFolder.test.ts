import { existsSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { makeFolder } from '../../../src/disk/makeFolder.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

test('a folder is made with those above it, all of this mode, and once', async () => {
  const root = await temporaryFolder();
  const folder = path.join(root, 'a', 'b');
  expect(makeFolder(folder, 0o700)).toBe(true);
  expect(['a', 'a/b'].map((name) => statSync(path.join(root, name)).mode & 0o777)).toEqual([0o700, 0o700]);
  expect(makeFolder(folder, 0o700)).toBe(false);
});

test('where a file is in its place, or in that of a folder above it, it fails', async () => {
  const file = path.join(await temporaryFolder(), 'file');
  writeFileSync(file, '');
  expect(() => makeFolder(file)).toThrow('EEXIST');
  expect(() => makeFolder(path.join(file, 'below'))).toThrow('ENOTDIR');
});

test.skipIf(!existsSync('/proc/self'))('where nothing can be made it fails, and comes to an end', () => {
  expect(() => makeFolder('/proc/not-a-process/below')).toThrow('ENOENT');
});
