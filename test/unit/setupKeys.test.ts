import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { setupKeys } from '../../src/setupKeys.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

test('the set-up learns the interpreter, the MSST and the extras of the configuration, paths made absolute', async () => {
  const folder = await temporaryFolder();
  await writeFile(
    path.join(folder, 'config.yaml'),
    'python: ./env/bin/python\nmsst_root: ../msst\nengine_extras: [pandas, "hyper-connections>=0.4,<1"]\n',
  );
  expect(setupKeys([], {}, folder)).toEqual({
    python: path.join(folder, 'env/bin/python'),
    msstRoot: path.resolve(folder, '../msst'),
    extras: ['pandas', 'hyper-connections>=0.4,<1'],
  });
});

test('nothing configured is told as nothing', async () => {
  const nothing = { python: null, msstRoot: null, extras: [] };
  expect(setupKeys([], {}, await temporaryFolder())).toEqual(nothing);
});

test('a configuration that cannot be read is none: the server reports it', async () => {
  const folder = await temporaryFolder();
  await writeFile(path.join(folder, 'config.yaml'), 'python: [\n');
  expect(setupKeys([], {}, folder)).toBeNull();
  expect(setupKeys(['--nonsense'], {}, await temporaryFolder())).toBeNull();
});

test.each([
  '-r file',
  '--index-url=x',
  'git+https://example.org/x',
  './x',
  'x @ file:///x',
  'x;y',
  'x>',
  'x,y',
  '',
])('what pip would take otherwise than by its name is no package: %s', async (extra) => {
  const folder = await temporaryFolder();
  await writeFile(path.join(folder, 'config.yaml'), `engine_extras: [${JSON.stringify(extra)}]\n`);
  expect(setupKeys([], {}, folder)).toBeNull();
});
