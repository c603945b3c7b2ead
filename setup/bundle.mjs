import { join } from 'node:path';

import { diskProblem, SetupError } from './setupError.mjs';

/** The folder of the bundle, relative to the root. */
export const bundleFolder = join('dist', 'start');

/**
 * Bundles the built server and its packages into a few files: reading several hundred one by one would take a
 * third of the time allowed for a start.
 *
 * @param {string} root with `dist/` compiled
 */
export async function bundle(root) {
  const { build } = await import('esbuild');
  try {
    await build(options(join(root, 'dist'), join(root, bundleFolder)));
  } catch (error) {
    throw new SetupError(
      diskProblem(String(error)) ??
        `The server cannot be bundled (${String(error)}). Fix the sources (git status shows what was changed) and run the same command again.`,
    );
  }
}

/**
 * @param {string} dist
 * @param {string} outdir
 * @returns {import('esbuild').BuildOptions}
 */
function options(dist, outdir) {
  return {
    entryPoints: ['main.js', 'setupKeys.js'].map((name) => join(dist, name)),
    outdir,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // These packages load files next to their own.
    external: ['better-sqlite3', 'swagger-ui-dist'],
    // CommonJS packages call `require`; code that reads its own folder needs dist/, wherever that is moved.
    banner: {
      js: `import { createRequire as makeRequire } from 'node:module'; import { fileURLToPath as pathOf } from 'node:url';
const require = makeRequire(import.meta.url), distFolder = pathOf(new URL('..', import.meta.url));`,
    },
    define: { 'import.meta.dirname': 'distFolder' },
    logLevel: 'silent',
  };
}
