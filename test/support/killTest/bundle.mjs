import { chmod, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';

/**
 * The server and its stand-in worker, each as one file: a start is then half the work, and a run is mostly starts.
 *
 * @typedef {object} Bundle
 * @property {string} server
 * @property {string} worker
 * @property {() => Promise<void>} remove
 */

/**
 * Puts them together from what `npm start` runs.
 *
 * @param {string} projectRoot with `dist/` built
 * @returns {Promise<Bundle>}
 */
export async function bundle(projectRoot) {
  const dist = path.join(projectRoot, 'dist');
  // Beside node_modules, for the packages that the preload watches stay what they are.
  const folder = await mkdtemp(path.join(dist, 'kill-test-'));
  const server = path.join(folder, 'server.mjs');
  const worker = path.join(folder, 'standIn', 'worker.mjs');
  const shared = /** @type {const} */ ({
    ...{ bundle: true, platform: 'node', format: 'esm', target: 'node20' },
    // A fifth of a start is reading the text.
    ...{ minifySyntax: true, minifyWhitespace: true },
  });
  const require = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`;
  await build({
    ...shared,
    entryPoints: [path.join(dist, 'main.js')],
    outfile: server,
    external: ['better-sqlite3', 'swagger-ui-dist', 'vscode-jsonrpc'],
    define: { 'import.meta.dirname': JSON.stringify(dist) },
    banner: { js: require },
  });
  await build({
    ...shared,
    entryPoints: [path.join(import.meta.dirname, '..', 'standIn', 'worker.mjs')],
    outfile: worker,
    banner: { js: require },
  });
  await chmod(worker, 0o755);
  return { server, worker, remove: () => rm(folder, { recursive: true, force: true }) };
}
