import { defineConfig } from 'vitest/config';

/**
 * Those that answer in a second or two and whose servers run in the test's own process: what they start beside it, and
 * what the slower ones wait for, no planted bug of `src/http` would change.
 */
const WITH_SERVERS = [
  ...[
    'address',
    'authentication',
    'fairUploads',
    'health',
    'hostileRequests',
    'logs',
    'messages',
    'metrics',
    'openApi',
    'pageCursor',
    'sendingAgain',
    'taskLifecycle',
  ].map((name) => `test/integration/${name}.test.ts`),
  ...['download', 'multipart', 'rateLimit'].map((name) => `test/property/${name}.property.test.ts`),
];
/** `queue`, for one: only the unit tests of that folder, where those of every folder come by a line and take too long. */
const folder = process.env['MUTATE_WITHIN'] ?? '**';
const withServers = process.env['MUTATE_TESTS'] === 'servers';

/** The tests that run the sources in their own process, and quickly: a built server would not hold the mutant. */
export default defineConfig({
  test: {
    include: [`test/unit/${folder}/**/*.test.ts`, ...(withServers ? WITH_SERVERS : [])],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
  },
});
