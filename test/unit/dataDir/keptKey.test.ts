import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { keptKey } from '../../../src/dataDir/keptKey.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

test('a key is made once and is the same from then on; half a file is none', async () => {
  const file = path.join(await temporaryFolder(), 'a.key');
  const warn = vi.fn();
  const key = keptKey(file, { warn });
  expect(key).toHaveLength(32);
  expect(keptKey(file, { warn })).toEqual(key);
  await writeFile(file, 'torn');
  const other = keptKey(file, { warn });
  expect(other).toHaveLength(32);
  expect(await readFile(file)).toEqual(other);
  expect(warn).not.toHaveBeenCalled();
});

test('a place that takes no file gives a key all the same, and a warning', async () => {
  const warn = vi.fn();
  expect(keptKey(path.join(await temporaryFolder(), 'nowhere', 'a.key'), { warn })).toHaveLength(32);
  expect(warn).toHaveBeenCalledOnce();
});

test('a key is for its owner alone, and one that cannot be read is told as that, and stays', async () => {
  const folder = await temporaryFolder();
  const warn = vi.fn();
  const file = path.join(folder, 'a.key');
  keptKey(file, { warn });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  // A folder is nothing that can be read, or written.
  expect(keptKey(folder, { warn })).toHaveLength(32);
  const told = { file: folder, err: expect.objectContaining({ code: 'EISDIR' }) as unknown };
  expect(warn.mock.calls.map(([facts]) => facts as unknown)).toEqual([told, told]);
});
