import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { postSong } from '../post.mjs';
import { startServer } from '../server.mjs';
import { makeAudio } from '../songs.mjs';
import { untilCompleted } from './tasks.mjs';
import { gapsOf, launcher, readNotes, STAND_IN } from './workers.mjs';

const STAND_IN_GAPS = 60;
const REAL_GAPS = 10;
const SONG_SECONDS = 2;
/** Keeps the engine busy while the others are posted. */
const FIRST_SONG_SECONDS = 30;
const AIM_MS = 20;

/**
 * How long a worker has nothing to do between two tasks that wait for it, by its own clock.
 *
 * @param {import('../prepare.mjs').Bench} bench
 * @returns {Promise<import('./figure.mjs').Figure[]>}
 */
export async function measureGap(bench) {
  const aim = /** @type {const} */ ({ of: 'p95', most: AIM_MS });
  return [
    { figure: 'between two tasks, stand-in', unit: 'ms', values: await standInGaps(bench), aim },
    { figure: 'between two tasks, real engine', unit: 'ms', values: await realGaps(bench), aim },
  ];
}

/** @param {import('../prepare.mjs').Bench} bench */
async function standInGaps(bench) {
  const song = path.join(bench.folder, 'short.wav');
  const plan = path.join(bench.folder, 'gap-plan');
  const all = path.join(bench.folder, 'all-are-posted');
  await makeAudio(bench, 'wav', song, SONG_SECONDS);
  await writeFile(plan, `hold:${all}\n`);
  const server = await startServer({ ...bench, engine: STAND_IN }, { env: { STAND_IN_PLAN: plan } });
  const last = await postSongs(server, song, STAND_IN_GAPS + 1);
  await writeFile(all, '');
  await untilCompleted(server, last);
  await server.end();
  return gapsOf(await readNotes(`${plan}.diary`));
}

/** @param {import('../prepare.mjs').Bench} bench */
async function realGaps(bench) {
  const long = path.join(bench.folder, 'long.wav');
  const song = path.join(bench.folder, 'short.wav');
  const notes = path.join(bench.folder, 'gap-notes');
  await makeAudio(bench, 'wav', long, FIRST_SONG_SECONDS);
  const engine = await launcher(bench, bench.engine, 'watched_worker.py');
  const server = await startServer({ ...bench, engine }, { env: { WATCHED_NOTES: notes } });
  await postSong(server.url, long);
  const last = await postSongs(server, song, REAL_GAPS);
  await untilCompleted(server, last);
  await server.end();
  return gapsOf(await readNotes(notes));
}

/**
 * @param {import('../server.mjs').Server} server
 * @param {string} song
 * @param {number} times
 * @returns {Promise<import('./tasks.mjs').Task>} the last one
 */
async function postSongs(server, song, times) {
  for (let posted = 1; posted < times; posted += 1) await postSong(server.url, song);
  return (await postSong(server.url, song)).task;
}
