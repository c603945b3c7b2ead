import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { setupKeys } from '../../src/setupKeys.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

test('the set-up learns the interpreter and the MSST of the configuration, as absolute paths', async () => {
  const folder = await temporaryFolder();
  await writeFile(path.join(folder, 'config.yaml'), 'python: ./env/bin/python\nmsst_root: ../msst\n');
  expect(setupKeys([], {}, folder)).toEqual({
    python: path.join(folder, 'env/bin/python'),
    msstRoot: path.resolve(folder, '../msst'),
  });
});

test('nothing configured is told as nothing', async () => {
  expect(setupKeys([], {}, await temporaryFolder())).toEqual({ python: null, msstRoot: null });
});

test('a configuration that cannot be read leaves the set-up its own choice; the server reports it', async () => {
  const folder = await temporaryFolder();
  await writeFile(path.join(folder, 'config.yaml'), 'python: [\n');
  expect(setupKeys([], {}, folder)).toEqual({ python: null, msstRoot: null });
});

test('flags that the set-up does not know do not stop it', async () => {
  expect(setupKeys(['--nonsense'], {}, await temporaryFolder())).toEqual({ python: null, msstRoot: null });
});
