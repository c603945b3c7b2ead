import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';

/**
 * Writes the counts for `npm test` to the file named by MSST_SERVE_TEST_COUNTS: vitest's own JSON report lacks the
 * reasons for skipped tests and does not count files that failed before their tests were collected.
 */
export default class CountReporter {
  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly unknown[]} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    const file = process.env.MSST_SERVE_TEST_COUNTS;
    if (!file) return;
    /** @type {import('./testCounts.mjs').Counts} */
    const counts = { passed: 0, failed: [], skipped: [] };
    for (const module of modules) countModule(module, counts);
    if (unhandledErrors.length > 0) counts.failed.push(`${unhandledErrors.length} errors outside any test`);
    writeFileSync(file, JSON.stringify(counts));
  }
}

/**
 * @param {import('vitest/node').TestModule} module
 * @param {import('./testCounts.mjs').Counts} counts
 */
function countModule(module, counts) {
  const path = relative(process.cwd(), module.moduleId);
  if (module.errors().length > 0) counts.failed.push(`${path} (outside its tests)`);
  for (const suite of module.children.allSuites()) {
    if (suite.errors().length > 0) counts.failed.push(`${path} > ${suite.fullName} (a hook)`);
  }
  for (const test of module.children.allTests()) {
    const result = test.result();
    const name = `${path} > ${test.fullName}`;
    if (result.state === 'passed') counts.passed += 1;
    else if (result.state === 'failed') counts.failed.push(name);
    else if (result.state === 'skipped') counts.skipped.push(`${name}: ${result.note ?? 'no reason given'}`);
    else counts.failed.push(`${name} (did not end)`);
  }
}
