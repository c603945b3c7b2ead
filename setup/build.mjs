import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { requireWork } from './access.mjs';
import { bundle } from './bundle.mjs';
import { diskProblem, SetupError } from './setupError.mjs';
import { hashOf, readStamp, readText, removeStamp, writeStamp } from './stamp.mjs';

/**
 * Compiles src/ to dist/ and bundles it, unless dist/ was built from the current sources.
 *
 * @param {import('./setUp.mjs').Setting} setting
 */
export async function build(setting) {
  const { root, run, report } = setting;
  const folder = join(root, 'dist');
  const stamp = hashOf(
    ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'].map((name) => readText(join(root, name))),
    sourcesOf(join(root, 'src')),
    readText(join(root, 'setup', 'bundle.mjs')),
  );
  if (readStamp(folder) === stamp) return;
  requireWork(setting, 'The server');
  removeStamp(folder);
  await report.step('building the server', async () => {
    // The output of deleted sources must not stay importable.
    rmSync(folder, { recursive: true, force: true });
    const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const { code, output } = await run(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
      log: join(root, '.setup', 'build.log'),
    });
    if (code !== 0) {
      for (const line of output.trim().split('\n').slice(0, 40)) report.detail(line);
      throw new SetupError(
        diskProblem(output) ??
          'The TypeScript sources do not compile; the lines above say where. Fix them (git status shows what was changed) and run the same command again.',
      );
    }
    await bundle(root);
  });
  writeStamp(folder, stamp);
}

/**
 * @param {string} folder
 * @returns {unknown[]} path and text of every file
 */
function sourcesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => [path.slice(folder.length), readText(path)]);
}
