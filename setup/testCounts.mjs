import { readText } from './stamp.mjs';

/**
 * @typedef {object} Counts
 * @property {number} passed
 * @property {string[]} failed one line per test
 * @property {string[]} skipped one line per test, with the reason
 */

/**
 * @param {string} file written by countReporter.mjs
 * @returns {Counts | null} null when vitest died before it wrote one
 */
export function countVitest(file) {
  const text = readText(file);
  return text === null ? null : JSON.parse(text);
}

/**
 * @param {string} file pytest's JUnit XML
 * @returns {Counts | null} null when pytest died before it wrote one
 */
export function countPytest(file) {
  const text = readText(file);
  if (text === null) return null;
  /** @type {Counts} */
  const counts = { passed: 0, failed: [], skipped: [] };
  for (const [, attributes = '', body = ''] of text.matchAll(
    /<testcase ((?:[^>"]|"[^"]*")*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g,
  )) {
    const name = `${attribute(attributes, 'classname')} ${attribute(attributes, 'name')}`;
    const skip = /<skipped ((?:[^>"]|"[^"]*")*)>/.exec(body)?.[1];
    if (/<(failure|error)[ >]/.test(body)) counts.failed.push(name);
    else if (skip !== undefined) counts.skipped.push(`${name}: ${attribute(skip, 'message')}`);
    else counts.passed += 1;
  }
  return counts;
}

/**
 * @param {string} attributes
 * @param {string} name
 */
function attribute(attributes, name) {
  const value = new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes)?.[1] ?? '';
  return value
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#10;', ' ')
    .replaceAll('&amp;', '&');
}
