// Whether this build answers as fast as another one: polls, uploads and downloads by both, turn and turn about.
// `node bench/beside.mjs FOLDER [ROUNDS]`; FOLDER is another checkout that is set up and built.
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { execa } from 'execa';

import { postSong } from './post.mjs';
import { projectRoot, runBench } from './prepare.mjs';
import { cpuSecondsOf } from './queue/processTree.mjs';
import { median, printHeader, printTable } from './report.mjs';
import { makeAudio, writeNoiseWav } from './songs.mjs';

const [otherFolder = '', rounds = '12'] = process.argv.slice(2);
const DOWNLOAD_BYTES = 400_000_000;
const UPLOAD_BYTES = 200_000_000;
const SONG_SECONDS = 2;
const SMALL_UPLOADS = 20;
const DOWNLOADS = 3;
const POLL_SECONDS = 3;
const CONNECTIONS = 32;

/** What is measured of a server, and whether more of it is better. */
const FIGURES = /** @type {const} */ ({
  'status polls a second': { more: true, measure: polls },
  'upload of 200 MB until its 201, ms': { more: false, measure: bigUpload },
  'upload of 2 s of sound until its 201, ms': { more: false, measure: smallUploads },
  'download of 400 MB, MB/s': { more: true, measure: download },
});

await runBench(async (bench) => {
  if (otherFolder === '') throw new Error('name the other checkout: node bench/beside.mjs FOLDER [ROUNDS]');
  printHeader(`node bench/beside.mjs FOLDER ${rounds}`);
  const files = { big: path.join(bench.folder, 'big.wav'), small: path.join(bench.folder, 'small.wav') };
  await writeNoiseWav(files.big, UPLOAD_BYTES);
  await makeAudio(bench, 'wav', files.small, SONG_SECONDS);
  /** @type {Noted[]} */
  const noted = [{}, {}];
  for (let round = 0; round < Number(rounds); round += 1) {
    // Processes of their own for each round: one may take twice the time of another of the same build, for all its life.
    const sides = [
      await side(projectRoot, bench, files),
      await side(path.resolve(otherFolder), bench, files),
    ];
    for (const [figure, { measure }] of Object.entries(FIGURES)) {
      for (const at of round % 2 === 0 ? [0, 1] : [1, 0]) {
        const one = sides[at];
        if (!one) continue;
        await measure(one);
        const cpuBefore = cpuSecondsOf(one.pid);
        const { value, times } = await measure(one);
        const cpu = (cpuSecondsOf(one.pid) - cpuBefore) / times;
        ((noted[at] ??= {})[figure] ??= []).push({ value, cpu });
      }
    }
    for (const { end } of sides) await end();
  }
  printTable(Object.keys(FIGURES).map((figure) => compare(figure, noted[0], noted[1])));
});

/**
 * A server of one build, with a completed task whose stem can be downloaded.
 *
 * @typedef {object} Side
 * @property {string} url
 * @property {string} stem
 * @property {string} task
 * @property {{ big: string, small: string }} files
 * @property {number} pid
 * @property {() => Promise<void>} end
 */

/**
 * @param {string} root of the build's checkout, whose own bench starts its server
 * @param {import('./prepare.mjs').Bench} bench
 * @param {Side['files']} files
 * @returns {Promise<Side>}
 */
async function side(root, bench, files) {
  const givers = pathToFileURL(path.join(root, 'bench', 'download', 'givers.mjs')).href;
  /** @type {typeof import('./download/givers.mjs')} */
  const { ourServer } = await import(givers);
  const { urls, pid, end } = await ourServer(bench, [DOWNLOAD_BYTES]);
  const stem = urls[0] ?? '';
  const { origin, pathname } = new URL(stem);
  const task = `/api/v1/tasks/${/[0-9a-f-]{36}/.exec(pathname)?.[0]}`;
  return { url: origin, stem, task, files, pid, end };
}

/** What was measured of a server, by figure. @typedef {Record<string, { value: number, cpu: number }[]>} Noted */

/**
 * One measurement, and of how many requests; CPU is shared out among them.
 *
 * @typedef {{ value: number, times: number }} Measured
 */

/** @param {Side} side @returns {Promise<Measured>} answers a second */
async function polls({ url, task }) {
  const { stdout } = await execa(
    'autocannon',
    ['--json', '--connections', String(CONNECTIONS), '--duration', String(POLL_SECONDS), url + task],
    { preferLocal: true, localDir: projectRoot },
  );
  const { non2xx, errors, requests } = JSON.parse(stdout);
  if (non2xx > 0 || errors > 0) throw new Error(`not all answered well: ${stdout}`);
  return { value: requests.average, times: requests.total };
}

/** @param {Side} side @returns {Promise<Measured>} ms */
async function bigUpload({ url, files }) {
  return { value: await uploadTime(url, files.big), times: 1 };
}

/** @param {Side} side @returns {Promise<Measured>} ms, the median of some */
async function smallUploads({ url, files }) {
  const times = [];
  while (times.length < SMALL_UPLOADS) times.push(await uploadTime(url, files.small));
  return { value: median(times), times: SMALL_UPLOADS };
}

/**
 * @param {string} url
 * @param {string} file
 */
async function uploadTime(url, file) {
  const { task, beganAt, answeredAt } = await postSong(url, file, { fields: { instruments: 'drums' } });
  await untilEnded(url + task.links.self);
  await fetch(url + task.links.self, { method: 'DELETE' });
  return answeredAt - beganAt;
}

/** @param {string} link of a task */
async function untilEnded(link) {
  for (;;) {
    const { status } = /** @type {{ status: string }} */ (await (await fetch(link)).json());
    if (status === 'completed') return;
    if (status !== 'pending' && status !== 'processing') throw new Error(`a task ended as ${status}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** @param {Side} side @returns {Promise<Measured>} MB/s */
async function download({ stem }) {
  const client = path.join(import.meta.dirname, 'download', 'client.mjs');
  const { stdout } = await execa(process.execPath, [client, stem, '1', String(DOWNLOADS)]);
  const times = /** @type {{ bytes: number, seconds: number }[]} */ (JSON.parse(stdout));
  return { value: median(times.map(({ bytes, seconds }) => bytes / 1e6 / seconds)), times: DOWNLOADS };
}

/**
 * @param {string} figure
 * @param {Noted} [ours] of this build
 * @param {Noted} [other]
 */
function compare(figure, ours, other) {
  const mine = ours?.[figure] ?? [];
  const theirs = other?.[figure] ?? [];
  const isMoreBetter = Object.entries(FIGURES).find(([name]) => name === figure)?.[1].more;
  // Of each round by itself: the machine's moods last longer than a round.
  const slower = mine.map(({ value }, at) => {
    const ratio = value / (theirs[at]?.value ?? NaN);
    return isMoreBetter ? 1 / ratio : ratio;
  });
  const dearer = mine.map(({ cpu }, at) => cpu / (theirs[at]?.cpu ?? NaN));
  return {
    figure,
    'this build': median(mine.map(({ value }) => value)).toFixed(1),
    'the other': median(theirs.map(({ value }) => value)).toFixed(1),
    'slower by': percent(median(slower)),
    'of the rounds': `${percent(Math.min(...slower))} to ${percent(Math.max(...slower))}`,
    'more CPU': percent(median(dearer)),
  };
}

/** @param {number} ratio */
function percent(ratio) {
  return `${((ratio - 1) * 100).toFixed(1)} %`;
}
