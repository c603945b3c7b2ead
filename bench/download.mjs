// What giving out stems costs: speed beside Node's own plain stream of a file, memory, and how soon a part comes.
import path from 'node:path';

import { execa } from 'execa';

import { ourServer, plainServer } from './download/givers.mjs';
import { askForRanges } from './download/ranges.mjs';
import { watchMemory } from './memory.mjs';
import { runBench } from './prepare.mjs';
import { median, printHeader, printTable } from './report.mjs';
import { toRow } from './supervision/figure.mjs';

/** Stereo WAVs of floats: of not quite two minutes, and of 19. */
const SIZES = [40_000_000, 400_000_000];
const TIMES = 5;
const AT_ONCE = 4;
const RANGE_AIM_MS = 5;

await runBench(async (bench) => {
  printHeader('node bench/download.mjs');
  const rows = [];
  const figures = [];
  const ours = await ourServer(bench, SIZES);
  for (const [at, size] of SIZES.entries()) {
    const plain = await plainServer(bench, size);
    const givers = [
      { ...ours, url: ours.urls[at] ?? '' },
      { ...plain, url: plain.urls[0] ?? '' },
    ];
    for (const how of waysOf(size)) {
      for (const giver of givers) rows.push(await measure(giver, how));
    }
    if (size === Math.max(...SIZES)) {
      for (const giver of givers) {
        const values = await askForRanges(giver.url, size);
        const aim =
          giver === givers[0] ? { aim: { of: /** @type {const} */ ('p95'), most: RANGE_AIM_MS } } : {};
        figures.push({
          figure: `64 KiB by range, ${giver.name}`,
          unit: /** @type {const} */ ('ms'),
          values,
          ...aim,
        });
      }
    }
    await plain.end();
  }
  await ours.end();
  printTable(rows);
  printTable(figures.map(toRow));
});

/**
 * What is asked for of a file.
 *
 * @typedef {{ what: string, atOnce: number, range?: string, size: number }} How
 */

/**
 * @param {number} size
 * @returns {How[]}
 */
function waysOf(size) {
  return [
    { what: 'whole', atOnce: 1, size },
    { what: 'second half', atOnce: 1, range: `${size / 2}-`, size },
    { what: `whole, ${AT_ONCE} at once`, atOnce: AT_ONCE, size },
  ];
}

/**
 * Some downloads one after the other, and the most memory that the server had in use meanwhile.
 *
 * @param {{ name: string, pid: number, url: string }} giver
 * @param {How} how
 */
async function measure({ name, pid, url }, { what, atOnce, range, size }) {
  const client = path.join(import.meta.dirname, 'download', 'client.mjs');
  const memory = await watchMemory(pid);
  const { stdout } = await execa(process.execPath, [
    ...[client, url, String(atOnce), String(TIMES)],
    ...(range === undefined ? [] : [range]),
  ]);
  const peak = await memory.peak();
  const downloads = /** @type {{ bytes: number, seconds: number }[]} */ (JSON.parse(stdout));
  return {
    server: name,
    'file MB': megabytes(size),
    what,
    'MB/s': median(downloads.map(({ bytes, seconds }) => bytes / 1e6 / seconds)).toFixed(0),
    'RSS before': megabytes(memory.before),
    'RSS peak': megabytes(peak),
    'added MB': megabytes(peak - memory.before),
  };
}

/** @param {number} bytes */
function megabytes(bytes) {
  return (bytes / 1e6).toFixed(0);
}
