// Whether a task's stems are those made by hand: every checkout in a folder × its architectures × the Pythons given.
// node bench/compatibility.mjs FOLDER [--python PYTHON]… [--checkout NAME]… [--architecture NAME]… [--pcm-type FLOAT]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { projectRoot, runBench } from './prepare.mjs';
import { printHeader, printTable } from './report.mjs';
import { writeNoiseWav } from './songs.mjs';

/** Three seconds. */
const SONG_BYTES = 44 + 3 * 44_100 * 4;

/**
 * How one architecture of a checkout went.
 *
 * @typedef {object} Cell
 * @property {string} architecture
 * @property {string | null} why there are no stems, by hand or served
 * @property {string[] | undefined} [leftOut] keys of the stock YAML that the checkout's own network does not know
 * @property {number} [difference] of two samples, at most; cold and warm
 */

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string', multiple: true, default: [] },
    checkout: { type: 'string', multiple: true, default: [] },
    architecture: { type: 'string', multiple: true, default: [] },
    'pcm-type': { type: 'string', default: 'FLOAT' },
  },
});
const [folderOfCheckouts] = positionals;
if (folderOfCheckouts === undefined) {
  process.stderr.write('Say which folder has the checkouts: node bench/compatibility.mjs FOLDER\n');
  process.exit(2);
}

await runBench(async (bench) => {
  printHeader(['node bench/compatibility.mjs', ...process.argv.slice(3)].join(' '));
  const root = path.resolve(folderOfCheckouts);
  const checkouts = readdirSync(root).filter(
    (name) =>
      existsSync(path.join(root, name, 'inference.py')) &&
      (values.checkout.length === 0 || values.checkout.includes(name)),
  );
  /** @type {Record<string, string>[]} */
  const rows = [];
  /** @type {Set<string>} */
  const remarks = new Set();
  for (const python of values.python.length > 0 ? values.python : [bench.engine]) {
    for (const checkout of checkouts) {
      const cells = await look(bench, python, path.join(root, checkout));
      for (const { architecture, why, leftOut, difference } of cells) {
        const outcome = why === null ? (difference === 0 ? 'equal' : `differs by ${difference}`) : 'no';
        rows.push({ checkout, python: versionOf(python), architecture, outcome });
        if (leftOut?.length)
          remarks.add(`${checkout}, ${architecture}: its YAML without ${leftOut.join(', ')}`);
        if (why !== null) remarks.add(`${checkout}, ${architecture}: ${why}`);
        process.stderr.write(`${checkout} ${architecture}: ${outcome} ${why ?? ''}\n`);
      }
    }
  }
  printTable(rows);
  for (const remark of remarks) process.stdout.write(`- ${remark}\n`);
});

/**
 * @param {import('./prepare.mjs').Bench} bench
 * @param {string} python
 * @param {string} checkout
 * @returns {Promise<Cell[]>}
 */
async function look({ folder, setting }, python, checkout) {
  const scripts = path.join(import.meta.dirname, 'compatibility');
  const own = path.join(folder, `${path.basename(checkout)}-${versionOf(python)}`);
  mkdirSync(path.join(own, 'songs'), { recursive: true });
  await writeNoiseWav(path.join(own, 'songs/song.wav'), SONG_BYTES);
  const byHand = await setting.run(
    python,
    [path.join(scripts, 'by_hand.py'), checkout, own, values['pcm-type'], ...values.architecture],
    {
      cwd: checkout,
    },
  );
  const made = linesOf(byHand.stdout);
  if (made.length === 0)
    return [{ architecture: '(none)', why: byHand.output.trim().split('\n').at(-1) ?? '' }];
  const architectures = made.map(({ architecture }) => architecture);
  const served = await setting.run(
    python,
    [path.join(scripts, 'served.py'), projectRoot, checkout, own, values['pcm-type'], ...architectures],
    {
      cwd: own,
    },
  );
  const compared = linesOf(served.stdout);
  return made.map((cell) => {
    const found = compared.find(({ architecture }) => architecture === cell.architecture) ?? {
      ...cell,
      why: served.output.trim().split('\n').at(-1) ?? '',
    };
    const why = cell.why === null ? found.why : `by hand: ${cell.why}; served: ${found.why ?? 'stems'}`;
    return { ...found, leftOut: cell.leftOut, why };
  });
}

/**
 * @param {string} text
 * @returns {Cell[]}
 */
function linesOf(text) {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}

/** @param {string} python */
function versionOf(python) {
  return spawnSync(python, ['-c', 'import platform; print(platform.python_version())'])
    .stdout.toString()
    .trim();
}
