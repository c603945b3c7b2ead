/**
 * What was measured, and what it should be.
 *
 * @typedef {object} Figure
 * @property {string} figure
 * @property {'s' | 'ms' | 'µs' | 'chunks'} unit
 * @property {number[]} values
 * @property {{ of: 'p50' | 'p95' | 'worst', most: number }} [aim] none: shown to compare others with
 */

/** Of each unit, how many digits after the point mean something. */
const DIGITS = { s: 2, ms: 1, µs: 1, chunks: 0 };

/**
 * A figure as a row of the table.
 *
 * @param {Figure} figure
 */
export function toRow({ figure, unit, values, aim }) {
  const found = { p50: share(values, 0.5), p95: share(values, 0.95), worst: share(values, 1) };
  const shown = (/** @type {number} */ value) => value.toFixed(DIGITS[unit]);
  return {
    figure,
    aim: aim ? `${aim.of} ≤ ${Number(aim.most.toFixed(DIGITS[unit]))} ${unit}` : '–',
    p50: shown(found.p50),
    p95: shown(found.p95),
    worst: `${shown(found.worst)} ${unit}`,
    n: values.length,
    met: aim ? (found[aim.of] <= aim.most ? 'yes' : 'no') : '–',
  };
}

/**
 * The value that such a share of all do not exceed.
 *
 * @param {number[]} values
 * @param {number} part
 */
export function share(values, part) {
  return values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * part) - 1)] ?? NaN;
}
