/** Writes the OpenAPI documents of the built server into the given folder and lints them there. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const redocly = require.resolve('@redocly/cli/bin/cli.js');

const files = await writeDocuments(process.argv[2] ?? '.');
const { status } = spawnSync(
  process.execPath,
  [redocly, 'lint', '--extends=recommended-strict', '--max-problems=50', ...files],
  // No telemetry or update check: the run must not wait for a network or send anything.
  {
    stdio: 'inherit',
    env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
  },
);
process.exitCode = status ?? 1;

/**
 * Writes the documents of the real application, which is created but not started: its routes are never called.
 *
 * @param {string} folder
 */
async function writeDocuments(folder) {
  const { createApp } = await import(pathToFileURL(join(root, 'dist/http/app.js')).href);
  const { openApiDocument } = await import(pathToFileURL(join(root, 'dist/http/openapi/document.js')).href);
  const variants = [
    { name: 'openapi.json', publicUrl: '', needsKey: false },
    { name: 'openapi-with-keys.json', publicUrl: 'https://stems.example.org/msst', needsKey: true },
  ];
  return variants.map(({ name, publicUrl, needsKey }) => {
    const app = createApp(
      { publicUrl },
      { corsOrigins: [], access: { apiKeys: needsKey ? [] : null, requestsPerHour: null }, version: '0.0.0' },
    );
    const file = join(folder, name);
    writeFileSync(
      file,
      JSON.stringify(openApiDocument(app, { publicUrl, needsKey, version: '0.0.0' }), null, 2),
    );
    return file;
  });
}
