import { join } from 'node:path';

import { diskProblem, SetupError } from './setupError.mjs';

/** Where the bundle lies, and what of the build goes into it. */
export const bundleFolder = join('dist', 'start');

/**
 * Puts the built server and its packages together into a few files: reading some hundred one by one would take a third
 * of the time that a start has.
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
        `The server cannot be bundled (${String(error)}). Mend the sources (git status shows what was changed) and run the same command again.`,
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
    // These look for files beside their own.
    external: ['better-sqlite3', 'swagger-ui-dist'],
    // What is CommonJS among the packages calls require; what asks where it lies means dist/, wherever that is moved.
    banner: {
      js: `import { createRequire as makeRequire } from 'node:module'; import { fileURLToPath as pathOf } from 'node:url';
const require = makeRequire(import.meta.url), distFolder = pathOf(new URL('..', import.meta.url));`,
    },
    define: { 'import.meta.dirname': 'distFolder' },
    logLevel: 'silent',
  };
}
