import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Reads a table whose rows begin with a number and end with what proves it: `Property N`, or a path in backticks, with
 * the name of a test in “quotes” after it where one is meant.
 *
 * @param {string} root
 * @param {string} page from the root
 * @param {string[]} numbers every row that has to be there
 * @param {Map<number, unknown>} properties those that have a test
 * @param {{ mayBeOpen: boolean }} [options] whether `–` may stand where nothing proves a row yet
 * @returns {string[]} what is wrong with it
 */
export function checkReferences(root, page, numbers, properties, { mayBeOpen } = { mayBeOpen: false }) {
  if (!existsSync(path.join(root, page))) return [`${page} is missing`];
  const text = readFileSync(path.join(root, page), 'utf8');
  const rows = new Map(
    [...text.matchAll(/^\| +([\d.]+) +\|.*\|(.*)\|$/gm)].map(([, at, proof]) => [at, proof]),
  );
  return [
    ...[...rows.keys()]
      .filter((at) => at && !numbers.includes(at))
      .map((at) => `${page}: ${at} is not known`),
    ...numbers.flatMap((at) => {
      const proof = rows.get(at);
      if (proof === undefined) return [`${page}: ${at} is missing`];
      if (mayBeOpen && proof.trim() === '–') return [];
      return problemsOf(root, proof, properties).map((problem) => `${page}: ${at}: ${problem}`);
    }),
  ];
}

/**
 * @param {string} root
 * @param {string} proof
 * @param {Map<number, unknown>} properties
 */
function problemsOf(root, proof, properties) {
  const named = [...proof.matchAll(/Propert(?:y|ies) ([\d, –]+)/g)].flatMap(([, list = '']) =>
    numbersIn(list),
  );
  const files = [...proof.matchAll(/`([^`]+)`(?: “([^”]+)”)?/g)];
  if (named.length + files.length === 0) return ['nothing proves it'];
  return [
    ...named.filter((number) => !properties.has(number)).map((number) => `Property ${number} has no test`),
    ...files.flatMap(([, file = '', name]) => {
      const at = path.join(root, file);
      if (!existsSync(at)) return [`${file} does not exist`];
      return name === undefined || readFileSync(at, 'utf8').includes(name)
        ? []
        : [`${file} has no “${name}”`];
    }),
  ];
}

/**
 * `1, 3–5` as numbers.
 *
 * @param {string} list
 */
function numbersIn(list) {
  return list
    .split(',')
    .filter((part) => part.trim() !== '')
    .flatMap((part) => {
      const [first = NaN, last = first] = part.split('–').map(Number);
      return Array.from({ length: last - first + 1 }, (_, at) => first + at);
    });
}
