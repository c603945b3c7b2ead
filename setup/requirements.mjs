import { join } from 'node:path';

import { readText } from './stamp.mjs';

/**
 * @typedef {{ requirement: string, module: string }} Need what pip installs, and the module whose import proves
 *   that it is installed
 */

/**
 * @param {string} root
 * @param {string} name of a file in setup/ with lines of the form `requirement  # import module`
 * @returns {Need[]}
 */
export function readNeeds(root, name) {
  const text = readText(join(root, 'setup', name)) ?? '';
  return text
    .split('\n')
    .map((line) => /^([^#\s][^#]*?)\s+# import (\S+)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, requirement, module]) => ({ requirement: requirement ?? '', module: module ?? '' }));
}

/**
 * @param {string} root
 * @returns {(string | null)[]} the texts that, when edited, make an engine environment stale
 */
export function engineRequirementTexts(root) {
  return [
    'engine-requirements.txt',
    'msst-requirements.txt',
    'checkout-requirements.txt',
    'architecture-requirements.txt',
  ].map((name) => readText(join(root, 'setup', name)));
}
