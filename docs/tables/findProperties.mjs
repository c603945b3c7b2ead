import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * The test of a property.
 *
 * @typedef {{ file: string, guarantee: string }} Found `file`: from the project's root
 */

const TEST_FILE = /\.test\.ts$|^test_.*\.py$/;
/** At the start of a line, so that a mention elsewhere is none. */
const TEST_NAME = /^\s*(?:test(?:\.\w+)?\(\s*|""")(['"`]?)Property (\d+): (.+?)(?:\1,|"""|$)/gm;

/**
 * Every test whose name begins with `Property N:`.
 *
 * @param {string} folder
 * @param {string} root
 * @returns {Map<number, Found[]>}
 */
export function findProperties(folder, root) {
  /** @type {Map<number, Found[]>} */
  const found = new Map();
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !TEST_FILE.test(entry.name)) continue;
    const file = path.join(entry.parentPath, entry.name);
    for (const [, , number, guarantee = ''] of readFileSync(file, 'utf8').matchAll(TEST_NAME)) {
      const test = { file: path.relative(root, file), guarantee: guarantee.replaceAll('|', '\\|') };
      found.set(Number(number), [...(found.get(Number(number)) ?? []), test]);
    }
  }
  return found;
}
