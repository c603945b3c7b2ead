import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { usageOfTests } from './help.mjs';
import { testSteps } from './testSteps.mjs';

/** @typedef {import('./testCounts.mjs').Counts} Counts */
/** @typedef {import('./testSteps.mjs').Step} Step */

/**
 * Runs every check and test, even after one has failed. Its last line of output is `N passed, N failed`.
 *
 * @param {import('./setUp.mjs').Setting} setting
 * @param {{ python: string, argv: string[] }} options `--only NAME[,NAME…]` in `argv` runs only these; if it is a
 *   single one, further arguments go to its command
 * @returns {Promise<boolean>} whether nothing failed
 */
export async function runTests(setting, { python, argv }) {
  const folder = mkdtempSync(join(tmpdir(), 'msst-serve-test-'));
  try {
    const steps = choose(testSteps({ root: setting.root, python, folder }), argv);
    if (typeof steps === 'string') {
      process.stderr.write(`${steps}\n`);
      return false;
    }
    /** @type {Counts} */
    const total = { passed: 0, failed: [], skipped: [] };
    for (const counts of await runInTurn(setting, steps)) {
      total.passed += counts.passed;
      total.failed.push(...counts.failed);
      total.skipped.push(...counts.skipped);
    }
    summarise(total);
    return total.failed.length === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {Step[]} steps
 * @param {string[]} argv
 * @returns {Step[] | string} the chosen steps, or the usage if the arguments are invalid
 */
function choose(steps, argv) {
  if (argv.length === 0) return steps;
  const names = steps.map(({ name }) => name);
  const [flag, list = '', ...rest] = argv;
  const wanted = list.split(',');
  if (flag !== '--only' || !wanted.every((name) => names.includes(name))) {
    return usageOfTests(steps);
  }
  const chosen = steps.filter(({ name }) => wanted.includes(name));
  return chosen.map((step) => (chosen.length === 1 ? { ...step, args: [...step.args, ...rest] } : step));
}

/**
 * Runs the steps in order. Steps whose output is kept run two at a time, and are reported in order all the same; a
 * step that writes to the terminal runs alone.
 *
 * @param {import('./setUp.mjs').Setting} setting
 * @param {Step[]} steps
 * @returns {Promise<Counts[]>} of each step
 */
async function runInTurn(setting, steps) {
  /** @type {Counts[]} */
  const counts = [];
  /** @type {Promise<Ended>[]} */
  let running = [];
  const tellFirst = async () => {
    const [first, ...others] = running;
    if (first) counts.push(tell(await first));
    running = others;
  };
  for (const step of steps) {
    while (running.length > (step.show ? 0 : 1)) await tellFirst();
    if (step.show) process.stdout.write(`\n== ${step.name}\n`);
    const ended = runStep(setting, step);
    // An interrupt ends both that run; whoever awaits the first one hears of it.
    ended.catch(() => undefined);
    running.push(ended);
    if (step.show) await tellFirst();
  }
  while (running.length > 0) await tellFirst();
  return counts;
}

/** @typedef {{ step: Step, counts: Counts, output: string, seconds: string }} Ended */

/**
 * @param {import('./setUp.mjs').Setting} setting
 * @param {Step} step
 * @returns {Promise<Ended>}
 */
async function runStep({ run, env }, step) {
  const began = performance.now();
  const { code, output } = await run(step.command, step.args, {
    env: { ...env, ...step.env },
    show: step.show ?? false,
  });
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  return { step, counts: countsOf(step, code, output), output, seconds };
}

/**
 * @param {Ended} ended
 * @returns {Counts}
 */
function tell({ step, counts, output, seconds }) {
  const isFailed = counts.failed.length > 0;
  process.stdout.write(`== ${step.name} ${isFailed ? 'FAILED' : 'ok'} (${seconds} s)\n`);
  if (!step.show && isFailed) process.stdout.write(`${output.trimEnd()}\n`);
  return counts;
}

/**
 * @param {Step} step
 * @param {number} code
 * @param {string} output
 * @returns {Counts}
 */
function countsOf({ name, count, complaint }, code, output) {
  const problem = code === 0 ? (complaint?.(output) ?? null) : `it ended with code ${code}`;
  if (!count) {
    return problem === null
      ? { passed: 1, failed: [], skipped: [] }
      : { passed: 0, failed: [`${name}: ${problem}`], skipped: [] };
  }
  const counts = count() ?? { passed: 0, failed: [], skipped: [] };
  const failed = counts.failed.map((line) => `${name}: ${line}`);
  if (failed.length === 0 && problem !== null) failed.push(`${name}: ${problem}, with no failed test`);
  if (failed.length === 0 && counts.passed === 0) failed.push(`${name}: no test passed or failed`);
  return { passed: counts.passed, failed, skipped: counts.skipped.map((line) => `${name}: ${line}`) };
}

/** @param {Counts} total */
function summarise({ passed, failed, skipped }) {
  const lines = [
    '',
    ...section('failed', failed),
    ...section('skipped', skipped),
    `${passed} passed, ${failed.length} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/**
 * @param {string} title
 * @param {string[]} lines
 */
function section(title, lines) {
  return lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `  ${line}`), ''];
}
