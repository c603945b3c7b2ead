import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const { resolve } = createRequire(import.meta.url);
/** Folders of src/, or files; `npm run mutate -- tasks` names others. */
const places = (process.env.MUTATE ?? 'tasks,queue,service,scheduler,http').split(',');

/** The second pass: also the tests that start servers in their own process. */
const withServers = process.env.MUTATE_TESTS === 'servers';
const report = '.mutation/report.json';

/** @type {import('@stryker-mutator/api/core').PartialStrykerOptions} */
export default {
  testRunner: 'vitest',
  plugins: [
    resolve('@stryker-mutator/vitest-runner'),
    fileURLToPath(new URL('logWords.mjs', import.meta.url)),
  ],
  ignorers: ['log-words'],
  vitest: { configFile: 'mutation/vitest.config.ts', related: true },
  // The second pass reads the report of the first, and writes it anew: what was killed there is not planted again.
  incremental: withServers,
  incrementalFile: report,
  coverageAnalysis: 'perTest',
  mutate: [
    ...places.map((place) => (place.endsWith('.ts') ? place : `src/${place}/**/*.ts`)),
    // Prose and examples, put together once at the start: the tests of the OpenAPI document hold those.
    '!src/http/openapi/**',
  ],
  // It would write the tests' files anew, and the stand-in worker could not be run any more.
  disableTypeChecks: false,
  // What is not needed to run the tests is not copied: the environments alone are gigabytes.
  ignorePatterns: [
    '/.venv*',
    '/.setup',
    '/.mutation',
    '/data',
    '/dist',
    '/mutation/node_modules',
    '/docs/listening',
  ],
  // What runs once, when its module is loaded, would need a new process for each mutant.
  ignoreStatic: true,
  concurrency: Number(process.env.MUTATE_AT_ONCE ?? 2),
  timeoutMS: 6_000,
  tempDirName: '.mutation/sandbox',
  reporters: ['clear-text', 'progress-append-only', ...(withServers ? [] : ['json'])],
  jsonReporter: { fileName: report },
  clearTextReporter: { allowColor: false, allowEmojis: false, logTests: false, reportScoreTable: false },
};
