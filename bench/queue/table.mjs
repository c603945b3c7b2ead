import { median } from '../report.mjs';

const NAMES = /** @type {Record<string, string>} */ ({
  'cli-file': 'MSST command line, once a file',
  'cli-folder': 'MSST command line, the folder',
  api: 'MSST Python API, warm',
  pymss: 'pymss serve, warm',
  'audio-separator': 'audio-separator, warm',
  ours: 'msst-serve, over HTTP',
});

/**
 * The rows of the table: the floor, and whoever ran.
 *
 * @param {{ floors: import('./floor.mjs').Floor[], figures: import('./contenders.mjs').Figures[] }} found
 */
export function toRows({ floors, figures }) {
  return [floorRow(floors), ...figures.map((one) => (one.failure ? emptyRow(one.row) : toRow(one)))];
}

/**
 * What the table leaves out: how far apart the floors are, and who could not run.
 *
 * @param {{ floors: import('./floor.mjs').Floor[], figures: import('./contenders.mjs').Figures[] }} found
 */
export function toRemarks({ floors, figures }) {
  const seconds = floors.map((floor) => floor.seconds);
  const range = `${Math.min(...seconds).toFixed(2)} to ${Math.max(...seconds).toFixed(2)}`;
  const failures = figures.flatMap(({ row, failure }) =>
    failure ? [`${NAMES[row]}: did not run: ${failure}`] : [],
  );
  return [`the floor was measured ${floors.length} times: ${range} s`, ...failures];
}

/** @param {import('./floor.mjs').Floor[]} floors */
function floorRow(floors) {
  const seconds = median(floors.map((floor) => floor.seconds));
  const calls = (floors[0]?.calls ?? []).reduce((sum, ofSong) => sum + ofSong, 0);
  return { ...emptyRow('floor'), row: 'floor', 'forward s': seconds.toFixed(2), calls };
}

/** @param {import('./contenders.mjs').Figures} figures */
function toRow(figures) {
  const { wallSeconds: wall = NaN, forwardSeconds: forward = NaN, gapsMs, nodeCpuSeconds } = figures;
  const hasGaps = gapsMs && gapsMs.length > 0;
  return {
    row: NAMES[figures.row] ?? figures.row,
    'wall s': wall.toFixed(2),
    '× floor': (wall / (figures.floorSeconds ?? NaN)).toFixed(3),
    '× own forward': forward > 0 ? (wall / forward).toFixed(3) : '-',
    'forward s': forward > 0 ? forward.toFixed(2) : '-',
    calls: figures.forwardCalls || '-',
    'CPU s': figures.cpuSeconds?.toFixed(1) ?? '-',
    'peak MB': figures.peakBytes === undefined ? '-' : Math.round(figures.peakBytes / 1e6),
    'first s': figures.firstSeconds?.toFixed(2) ?? '-',
    'idle p50 ms': hasGaps ? median(gapsMs).toFixed(0) : '-',
    'idle worst ms': hasGaps ? Math.max(...gapsMs).toFixed(0) : '-',
    'Node CPU': nodeCpuSeconds === undefined ? '-' : `${((nodeCpuSeconds / wall) * 100).toFixed(2)} %`,
  };
}

/**
 * @param {string} row
 * @returns {Record<string, string | number>}
 */
function emptyRow(row) {
  const columns = Object.keys(toRow({ row }));
  return { ...Object.fromEntries(columns.map((column) => [column, '-'])), row: NAMES[row] ?? row };
}
